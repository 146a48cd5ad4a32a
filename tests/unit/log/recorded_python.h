#pragma once

#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/files.h"

namespace rbit::test {

/// What Python's logging made of a part of the cases, where it is the time of Berlin, as it is here
/// from now on (recorded/python_log.py).
inline nlohmann::json recorded_python(const char* part) {
  ::setenv("TZ", "Europe/Berlin", 1);
  ::tzset();
  return nlohmann::json::parse(
             read_file(std::string(RBIT_SOURCE_DIR) + "/tests/unit/log/recorded/python_log.json"))
      .at(part);
}

}  // namespace rbit::test
