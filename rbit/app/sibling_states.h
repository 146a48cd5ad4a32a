#pragma once

#include <string>

namespace rbit {

/// Logs a warning for each state directory beside `state_dir` whose journal has unfinished jobs and
/// no rbit: where a host's name makes the directory's, a new name leaves the old jobs behind. What
/// another rbit holds is not looked at.
void warn_of_siblings(const std::string& state_dir);

}  // namespace rbit
