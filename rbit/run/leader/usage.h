#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>

namespace rbit::leader {

/// Processor time of what was reaped, and the memory of the largest of it.
struct Usage {
  std::int64_t cpu_micros = 0;
  std::int64_t peak_memory_kib = 0;
  void add(const rusage& more);
};

/// A living process: processor time of all its threads, of those that ended too, and of the
/// children that it reaped. 0 if it is gone.
std::int64_t cpu_micros_of(pid_t pid);

/// What it had in memory at the most since `forget_peak`, if that was granted, else since its
/// start.
std::int64_t peak_memory_of(pid_t pid);
void forget_peak(pid_t pid);

}  // namespace rbit::leader
