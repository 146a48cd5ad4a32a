#pragma once

#include <string>
#include <vector>

#include "rbit/core/runner_policy.h"
#include "rbit/run/account.h"

namespace rbit {

/// The environment of every job and host, from empty: PATH, HOME if the account has one, USER,
/// LOGNAME, SHELL, TERM, LANG, TZ, and what `pass-env` and `env.NAME` say, the latter last. RBIT_*
/// is not in it.
/// Pure but for `pass-env` and TZ, which are read from ours.
std::vector<std::string> base_environment(const Account& account, const RunnerPolicy& policy);

/// Returns whether `name` is set in it.
bool has_variable(const std::vector<std::string>& environment, const std::string& name);
/// Sets `name` to `value` unless it is set.
void set_default(std::vector<std::string>& environment, const std::string& name,
                 const std::string& value);

}  // namespace rbit
