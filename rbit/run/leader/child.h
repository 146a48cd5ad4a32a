#pragma once

#include <sys/types.h>

#include "rbit/run/leader/cgroup_dir.h"
#include "rbit/run/leader/packet.h"

namespace rbit::leader {

struct Failure {
  wire::Step step = wire::Step::none;
  int error = 0;
};

/// Starts the order's program in a session of its own, with the order's descriptors, directory,
/// limits, priority and user, and returns its pid when it has been executed, or -1 if it has not:
/// `failure` says where and why. It starts in `cgroup`, unless the kernel refuses that: then
/// `cgroup` is given up.
pid_t start_child(const Order& order, const int (&fds)[wire::max_fds], CgroupDir& cgroup,
                  Failure& failure);

}  // namespace rbit::leader
