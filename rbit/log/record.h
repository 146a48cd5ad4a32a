#pragma once

#include <boost/assert/source_location.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rbit::log {

enum class Level { debug, info, warning, error, critical };

/// Python's names for them, as the ancestors wrote them.
const char* python_name(Level level);
/// Python's numbers, 10 to 50.
int python_number(Level level);

/// Members of a JSON record, and nothing in a text record: its message names the job.
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
