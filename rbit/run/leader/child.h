#pragma once

#include <sys/types.h>

#include "rbit/run/leader/cgroup_dir.h"
#include "rbit/run/leader/packet.h"

namespace rbit::leader {

struct Failure {
  wire::Step step = wire::Step::none;
  int error = 0;
};

/// Starts the order's program, set up as RELIABILITY.md 6.2 says, in a session of its own, and
/// returns when it has been executed. -1: it was not; `failure` says where and why. It starts in
/// `cgroup`, unless the kernel refuses that: then `cgroup` is given up.
pid_t start_child(const Order& order, const int (&fds)[wire::max_fds], CgroupDir& cgroup,
                  Failure& failure);

}  // namespace rbit::leader
