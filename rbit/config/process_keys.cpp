#include "rbit/config/process_keys.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string_view>

#include "rbit/config/values.h"

namespace rbit::config {

namespace {

/// Names that would let the environment of rbit decide what code a job runs, or that belong to
/// rbit's own service. One with '*' is a beginning.
constexpr std::string_view not_passed[] = {
    "LD_*",  "BASH_ENV",      "ENV",        "PYTHON*",  "PERL5*",
    "GIT_*", "NOTIFY_SOCKET", "WATCHDOG_*", "LISTEN_*", "CREDENTIALS_DIRECTORY",
    "RBIT_*"};

bool may_pass(std::string_view name) {
  return std::none_of(std::begin(not_passed), std::end(not_passed), [name](auto pattern) {
    return pattern.ends_with('*') ? name.starts_with(pattern.substr(0, pattern.size() - 1))
                                  : name == pattern;
  });
}

}  // namespace

std::vector<std::string> read_pass_env(SectionReader& reader) {
  auto names = reader.list("pass-env");
  for (const auto& name : names) {
    if (!is_variable_name(name))
      reader.wrong("pass-env", name, "is no name of a variable");
    else if (!may_pass(name))
      reader.wrong("pass-env", name,
                   "is never passed on (env." + name + " = VALUE gives jobs a value of your own)");
  }
  return names;
}

void read_env(SectionReader& reader, RunnerPolicy& policy) {
  constexpr std::size_t family = 4;  // "env."
  for (const auto& [key, node] : *reader.section()) {
    if (!key.starts_with("env.")) continue;
    const IniValue& entry = node.data();
    const std::string name = entry.spelled.substr(family);
    if (!is_variable_name(name))
      reader.wrong(key, name, "is no name of a variable");
    else if (name.starts_with("RBIT_"))
      reader.error(key, "the names that begin with RBIT_ are rbit's own");
    policy.env[name] = entry.text;
    reader.note("env." + name, entry.text, entry.place, is_secret_name(name));
  }
}

}  // namespace rbit::config
