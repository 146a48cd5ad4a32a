#pragma once

#include <sys/resource.h>

namespace rbit {

/// How many descriptors this process might have open when it was started: the soft limit of then,
/// which its jobs get. To be called once before anything raises the limit; later calls give the
/// same.
rlim_t descriptors_at_start();

/// Raises the soft limit to the hard one, and gives what counts from now on. rbit needs no
/// select(), for which the soft one is kept low; a job may.
rlim_t raise_descriptor_limit();

/// How many this process has open; 0 where that cannot be counted.
int descriptors_in_use();

}  // namespace rbit
