#pragma once

#include <sys/resource.h>

namespace rbit {

/// How many descriptors this process might have open when it was started: the soft limit of then,
/// which its jobs get. To be called once before anything raises the limit; later calls give the
/// same.
rlim_t descriptors_at_start();

}  // namespace rbit
