#pragma once

#include <string>

#include "rbit/amqp/protocol.h"
#include "rbit/core/message.h"

namespace rbit {

/// What came from `queue` of a broker, in core's words.
Message message_from(amqp::Incoming&& incoming, const std::string& queue);

/// The other way: the message as it is published, as far as a publisher may say it. It is
/// persistent, and goes nowhere yet.
amqp::Outgoing outgoing_of(const Message& message);

}  // namespace rbit
