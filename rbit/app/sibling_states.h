#pragma once

#include <string>
#include <vector>

#include "rbit/base/result.h"

namespace rbit {

/// An Error, meant as a warning, for each state directory beside `state_dir` whose journal has
/// unfinished jobs and no rbit: where a host's name makes the directory's, or a file was changed,
/// a new name leaves the old jobs behind. What another rbit holds is not looked at.
std::vector<Error> left_siblings(const std::string& state_dir);

}  // namespace rbit
