#pragma once

#include <boost/assert/source_location.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rbit/base/names.h"

namespace rbit::log {

/// spdlog's numbers, a tenth of Python's.
enum class Level { debug = 1, info, warning, error, critical };

/// Python's names for them, as the ancestors wrote them.
inline constexpr Named<Level> level_names[] = {{Level::debug, "DEBUG"},
                                               {Level::info, "INFO"},
                                               {Level::warning, "WARNING"},
                                               {Level::error, "ERROR"},
                                               {Level::critical, "CRITICAL"}};

constexpr std::string_view python_name(Level level) {
  return name_in(level_names, level);
}
constexpr int python_number(Level level) {
  return 10 * static_cast<int>(level);
}

/// Members of a JSON record, and what stands behind the message of a text record of ours. In
/// Python's formats they are nothing: there the message names the job.
using Fields = std::vector<std::pair<std::string, std::string>>;
using Location = boost::source_location;

/// One thing to tell. A view: it lives as long as the call that writes it.
struct Record {
  Level level = Level::info;
  std::string_view logger, message;
  const Fields& fields;
  const Location& where;
  std::chrono::system_clock::time_point time;
};

}  // namespace rbit::log
