#include "rbit/run/job_environment.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>

using namespace rbit;

TEST_CASE("a job's environment starts from empty") {
  ::setenv("RBIT_UNIT_OURS", "1", 1);
  ::setenv("UNIT_PASSED", "yes", 1);
  ::unsetenv("UNIT_ABSENT");
  RunnerPolicy policy;
  policy.pass_env = {"UNIT_PASSED", "UNIT_ABSENT"};
  policy.env = {{"LANG", "de_DE.UTF-8"}, {"RBIT_PACKAGE", "forged"}};
  Account account{1, 1, {}, "builder", "/bin/bash", "/home/builder"};
  std::vector<std::string> variables = base_environment(account, policy);
  const auto has = [&](const std::string& one) {
    return std::find(variables.begin(), variables.end(), one) != variables.end();
  };
  CHECK(has("HOME=/home/builder"));
  CHECK(has("USER=builder"));
  CHECK(has("LOGNAME=builder"));
  CHECK(has("SHELL=/bin/bash"));
  CHECK(has("TERM=dumb"));
  CHECK(has("LANG=de_DE.UTF-8"));  // the section's word is the last
  CHECK(has("UNIT_PASSED=yes"));
  for (const std::string& one : variables) CHECK_FALSE(one.starts_with("RBIT_"));
  set_default(variables, "TMPDIR", "/t");
  set_default(variables, "LANG", "C");
  CHECK(has("TMPDIR=/t"));
  CHECK_FALSE(has("LANG=C"));
}

TEST_CASE("a home that the account has not is left to the job's directory") {
  RunnerPolicy policy;
  Account account{1, 1, {}, "1", "/bin/sh", ""};
  std::vector<std::string> variables = base_environment(account, policy);
  CHECK_FALSE(has_variable(variables, "HOME"));
  CHECK_FALSE(has_variable(variables, "LANGUAGE"));  // a name, not its beginning
  CHECK(has_variable(variables, "LANG"));
  set_default(variables, "HOME", "/work");
  CHECK(std::find(variables.begin(), variables.end(), "HOME=/work") != variables.end());
  policy.env = {{"HOME", "/configured"}, {"TERM", "xterm"}, {"LOGNAME", "me"}};
  variables = base_environment(account, policy);
  set_default(variables, "HOME", "/work");
  for (const char* one : {"HOME=/configured", "TERM=xterm", "LOGNAME=me"})
    CHECK(std::find(variables.begin(), variables.end(), one) != variables.end());
}
