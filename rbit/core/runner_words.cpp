#include "rbit/core/runner_words.h"

#include <algorithm>

#include "rbit/base/text.h"

namespace rbit {

std::string wrong_pattern(std::string_view pattern) {
  const auto parts = text::split(pattern, '/');
  if (pattern.starts_with('/') || std::find(parts.begin(), parts.end(), "..") != parts.end())
    return "leads out of the work directory";
  if (pattern.empty()) return "has a name without text (leave it out)";
  if (pattern.find("//") != std::string_view::npos)
    return "has a name without text (write one / in place of //)";
  return "";
}

namespace {

std::string variable(std::string name, std::string_view key) {
  for (const char c : text::upper(key)) name += text::is_alnum(c) ? c : '_';
  return name;
}

}  // namespace

std::string setting_variable(std::string_view key) {
  return variable("RBIT_SETTING_", key);
}
std::string header_variable(std::string_view name) {
  return variable("RBIT_HEADER_", name);
}
std::string body_variable(std::string_view name) {
  return variable("RBIT_BODY_", name);
}

}  // namespace rbit
