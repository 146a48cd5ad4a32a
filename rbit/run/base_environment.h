#pragma once

#include <string>
#include <vector>

#include "rbit/core/runner_policy.h"
#include "rbit/run/account.h"

namespace rbit {

/// The environment of every job and host, from empty (RELIABILITY.md 7, rule 2): PATH, HOME, USER,
/// SHELL, LANG, TZ, and what `pass-env` and `env.NAME` say, the latter last. RBIT_* is not in it.
/// Pure but for `pass-env` and TZ, which are read from ours.
std::vector<std::string> base_environment(const Account& account, const RunnerPolicy& policy);

/// The same with `name` set unless the policy set it.
void set_default(std::vector<std::string>& environment, const std::string& name,
                 const std::string& value);

}  // namespace rbit
