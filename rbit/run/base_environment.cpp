#include "rbit/run/base_environment.h"

#include <cstdlib>
#include <map>

namespace rbit {

std::vector<std::string> base_environment(const Account& account, const RunnerPolicy& policy) {
  std::map<std::string, std::string> variables{
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"USER", account.name},
      {"LOGNAME", account.name},
      {"SHELL", account.shell},
      {"TERM", "dumb"},
      {"LANG", "C.UTF-8"}};
  if (!account.home.empty()) variables["HOME"] = account.home;
  if (const char* zone = std::getenv("TZ")) variables["TZ"] = zone;
  for (const std::string& name : policy.pass_env)
    if (const char* value = std::getenv(name.c_str())) variables[name] = value;
  for (const auto& [name, value] : policy.env) variables[name] = value;

  std::vector<std::string> environment;
  for (const auto& [name, value] : variables)
    if (!name.starts_with("RBIT_")) environment.push_back(name + "=" + value);
  return environment;
}

bool has_variable(const std::vector<std::string>& environment, const std::string& name) {
  for (const std::string& variable : environment)
    if (variable.starts_with(name + "=")) return true;
  return false;
}

void set_default(std::vector<std::string>& environment, const std::string& name,
                 const std::string& value) {
  if (!has_variable(environment, name)) environment.push_back(name + "=" + value);
}

}  // namespace rbit
