#pragma once

#include <string>

#include "rbit/amqp/protocol.h"
#include "rbit/core/message.h"

namespace rbit {

/// What came from `queue` of a broker, in core's words.
Message message_from(amqp::Incoming&& incoming, const std::string& queue);

}  // namespace rbit
