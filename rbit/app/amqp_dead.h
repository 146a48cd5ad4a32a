#pragma once

#include "rbit/config/settings.h"
#include "rbit/core/broker.h"

namespace rbit {

/// Does what `rbit dead` is asked for at a broker that speaks AMQP and, of what it refused, in the
/// journal. Throws Fatal: 69 if the broker is away, now.
void do_with_the_dead_at_broker(const config::Settings& settings, DeadOrder order,
                                const Broker::TellDead& tell);

}  // namespace rbit
