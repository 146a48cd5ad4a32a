#pragma once

#include <string>
#include <vector>

#include "rbit/config/section_reader.h"
#include "rbit/core/runner_policy.h"

/// The keys that say what a process we start finds around it: of runners and of hooks.
namespace rbit::config {

/// `pass-env`.
std::vector<std::string> read_pass_env(SectionReader& reader);
/// The keys `env.NAME`. REQUIRES: the section is there.
void read_env(SectionReader& reader, RunnerPolicy& policy);

}  // namespace rbit::config
