#pragma once

#include "rbit/config/settings.h"
#include "rbit/core/findings.h"

/// What `rbit check` can find out of a broker that speaks AMQP, one source file each.
namespace rbit {

/// What can be known of the way to the broker without asking it.
void check_broker(const config::Settings& settings, Findings& findings);
/// Logs in and asks: queues, exchange, permissions. `say_bindings`: tell that AMQP does not know
/// them.
void check_broker_live(const config::Settings& settings, bool say_bindings, Findings& findings);
/// Asks the broker's management plugin, on that port, which messages reach our queues.
void check_bindings(const config::Settings& settings, int port, Findings& findings);
/// Asks it which policies and arguments drop messages of our queues.
void check_drops(const config::Settings& settings, int port, Findings& findings);

}  // namespace rbit
