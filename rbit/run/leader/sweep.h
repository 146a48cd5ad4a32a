#pragma once

#include <sys/types.h>

#include <cstdint>

#include "rbit/run/leader/usage.h"

namespace rbit::leader {

std::int64_t now_ms();  // monotonic
void rest_a_moment();   // 1 ms

/// SIGKILL to every living process below us; with `spare`, to all but that child of ours. How many.
int kill_descendants(pid_t spare);

/// Kills and reaps until we have no child left: what called setsid comes to us, the subreaper, when
/// its parent dies. Returns how many had to be killed. Waits for as long as it takes; after 10 s it
/// calls `unkillable` once with how many are left.
int sweep_all(int signal_fd, Usage& usage, void (*unkillable)(void*, int), void* argument);

/// The same for all but the host; 10 s at most. `has_dead_child`: the host has one that it did not
/// wait for, and that was dead before.
int sweep_all_but(pid_t host, Usage& usage, bool& has_dead_child);

}  // namespace rbit::leader
