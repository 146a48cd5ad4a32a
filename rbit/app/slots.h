#pragma once

#include <cstdint>

#include "rbit/app/configuration.h"
#include "rbit/core/broker.h"

namespace rbit {

/// How many jobs at once: what the configuration says, or one for each processor, but not more than
/// there are descriptors for; then it is said how many are missing.
/// `in_use`: descriptors that were open then, before any connection or job.
int slots_with_room(const Configuration& configuration, const BrokerTraits& broker,
                    std::int64_t in_use);

}  // namespace rbit
