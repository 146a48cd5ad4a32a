#pragma once

#include <optional>

#include "rbit/amqp/dial.h"
#include "rbit/amqp/mailbox.h"
#include "rbit/amqp/protocol.h"
#include "rbit/amqp/settings.h"

struct amqp_connection_state_t_;

namespace rbit::amqp {

/// Connects a connection of librabbitmq to one address and logs in. Returns none if it stands. The
/// mailbox gets the descriptor as soon as there is one, for whoever must cut a hanging login off.
/// REQUIRES: `endpoint` lives as long as the connection, whose TLS context refers to its host.
std::optional<Refusal> open_wire(amqp_connection_state_t_* state,
                                 const ConnectionSettings& settings, const Endpoint& endpoint,
                                 const Address& address, Mailbox& mailbox);

}  // namespace rbit::amqp
