#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/log/handler.h"
#include "rbit/log/record.h"

/// The log of rbit itself: one record, one line, whatever a message or a job writes. Any thread.
namespace rbit::log {

/// Without handlers: one, by `json` and `file`. Without loggers: all records of `level` and above
/// go to all handlers.
struct Settings {
  Level level = Level::info;
  bool json = false, with_facts = false;  // as HandlerSettings; neither: `generic_format`
  std::string file;                       // empty: stderr
  std::vector<HandlerSettings> handlers;
  std::vector<LoggerSettings> loggers;
};

/// Called at start; may be called again. Throws Fatal if a file cannot be opened. Until then
/// records go to stderr.
void configure(const Settings& settings);
/// Whether anybody would see a record of our own at that level.
bool enabled(Level level);
/// `logger`: "rbit", one of its children ("rbit.x"), or somebody else's.
void write(Level level, std::string_view logger, std::string_view message, const Fields& fields,
           const Location& where);
/// The level of a logger, if the configuration has one of that name.
std::optional<Level> level_of(const std::string& logger);
/// Hands on what somebody else logs, as a record of his logger, if the configuration has one of
/// that name. Else nobody hears it. `level` is his word for it: "debug", "WARNING", ...; others
/// count as info.
void hand_on(const std::string& logger, std::string_view level, std::string_view message);
/// Nothing that is written is waited for (log/writer.h). This waits until it has arrived, a second
/// at most: for the end of the program.
void flush();
/// A line as it stands, to standard error, in its turn.
void print(std::string line);
/// Opens the log files again, after somebody has moved them away (SIGUSR2, SIGHUP).
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
