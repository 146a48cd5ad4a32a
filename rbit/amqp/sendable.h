#pragma once

#include "rbit/amqp/protocol.h"

namespace rbit::amqp {

/// Whether AMQP can carry the message's properties. What it cannot would corrupt the stream
/// half-way through the message.
bool is_sendable(const Outgoing& message);

}  // namespace rbit::amqp
