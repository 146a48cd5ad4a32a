#pragma once

#include <string>

#include "rbit/base/task.h"

namespace rbit {

/// Ends what the job or host of a dead leader left behind, and nothing else: what bears the
/// leader's mark (RBIT_LEADER in its environment), whatever is of one session with that, and what
/// is in the leader's control group below `cgroups` (empty: there are none). Goes on until none is
/// left, 10 s at most, and returns how many it killed.
Task<int> end_left_behind(std::string leader_id, std::string cgroups);

}  // namespace rbit
