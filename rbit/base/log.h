#pragma once

#include <boost/assert/source_location.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The log of rbit itself: one record, one line, whatever a message or a job writes. Any thread.
namespace rbit::log {

enum class Level { debug, info, warning, error, critical };

struct Settings {
  Level level = Level::info;
  bool json = false;  // INTEROP.md 10; else Python's "generic" format, INTEROP.md 1.4
  std::string file;   // empty: stderr
};

/// Members of a JSON record, and nothing in a text record: its message names the job.
using Fields = std::vector<std::pair<std::string, std::string>>;
using Location = boost::source_location;

/// Called at start, before there are threads; may be called again. Throws Fatal if the file cannot
/// be opened. Until then records go to stderr.
void configure(const Settings& settings);
bool enabled(Level level);
void write(Level level, std::string_view logger, std::string_view message, const Fields& fields,
           const Location& where);
void flush();
/// Opens the log file again, after somebody has moved it away (SIGHUP).
void reopen();

inline void debug(std::string_view message, const Fields& fields = {},
                  const Location& where = BOOST_CURRENT_LOCATION) {
  write(Level::debug, "rbit", message, fields, where);
}
inline void info(std::string_view message, const Fields& fields = {},
                 const Location& where = BOOST_CURRENT_LOCATION) {
  write(Level::info, "rbit", message, fields, where);
}
inline void warning(std::string_view message, const Fields& fields = {},
                    const Location& where = BOOST_CURRENT_LOCATION) {
  write(Level::warning, "rbit", message, fields, where);
}
inline void error(std::string_view message, const Fields& fields = {},
                  const Location& where = BOOST_CURRENT_LOCATION) {
  write(Level::error, "rbit", message, fields, where);
}
inline void critical(std::string_view message, const Fields& fields = {},
                     const Location& where = BOOST_CURRENT_LOCATION) {
  write(Level::critical, "rbit", message, fields, where);
}

}  // namespace rbit::log
