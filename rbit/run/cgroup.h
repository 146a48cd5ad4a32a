#pragma once

#include <string>

namespace rbit {

/// Where the leaders may make control groups (v2) for their jobs. They are never required: without
/// them jobs are swept up one process after the other, and max-memory binds each process alone.
struct CgroupPlace {
  std::string path;     // absolute; empty: nothing was delegated to us
  bool limits = false;  // and memory and processes of a whole job can be limited
};

/// Our own control group, if it was delegated to us: found by looking. To hand controllers on, the
/// kernel wants no process beside the groups of the jobs; then we move into a group `main` below.
/// Removes what earlier lives left. Call it before any leader is started. `proc` is /proc.
CgroupPlace delegated_cgroup(const std::string& proc = "/proc");

}  // namespace rbit
