#pragma once

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "rbit/run/shell_rewrite.h"

namespace rbit::test {

inline const std::map<std::string, std::string> settings{{"deposit_location", "/srv/deposit"},
                                                         {"oer.exports-dir", "/srv/oer exports"}};

inline std::string rewritten(const std::string& line) {
  const auto result = rewrite_shell_line(line, settings);
  CHECK_MESSAGE(result.errors.empty(), line, " -> ", result.errors.empty() ? "" : result.errors[0]);
  return result.line;
}

inline std::vector<std::string> errors(const std::string& line) {
  return rewrite_shell_line(line, settings).errors;
}

/// Whether the line has one error, and it has this beginning.
inline bool refused(const std::string& line, const std::string& beginning) {
  const auto found = errors(line);
  INFO(line, " -> ", found.empty() ? std::string("accepted") : found.front());
  const bool good = found.size() == 1 && found.front().starts_with(beginning);
  CHECK(good);
  return good;
}

}  // namespace rbit::test
