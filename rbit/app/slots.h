#pragma once

#include "rbit/app/configuration.h"
#include "rbit/core/broker.h"

namespace rbit {

/// How many jobs at once: what the configuration says, or one for each processor, but not more than
/// there are descriptors for; then it is said how many are missing. For the time when the journal
/// is open and no connection is.
int slots_with_room(const Configuration& configuration, const BrokerTraits& broker);

}  // namespace rbit
