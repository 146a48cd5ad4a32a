#pragma once

#include <chrono>
#include <optional>

#include "rbit/base/amqp_protocol.h"

namespace rbit {

/// If the channel was closed because a message was out for too long without an acknowledgement: how
/// long the broker allows (RELIABILITY.md 1.2, 2.5). Negative: it does not say (RabbitMQ 4.3).
std::optional<std::chrono::milliseconds> acknowledgement_timeout(const amqp::Refusal& why);

}  // namespace rbit
