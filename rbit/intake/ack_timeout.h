#pragma once

#include <chrono>
#include <optional>

#include "rbit/amqp/protocol.h"

namespace rbit {

/// If the channel was closed because a message was out for too long without an acknowledgement: how
/// long the broker allows. Negative: it does not say (RabbitMQ 4.3), or not in words that make
/// sense.
std::optional<std::chrono::milliseconds> acknowledgement_timeout(const amqp::Refusal& why);

/// How long a message may be out before it is acknowledged, with a broker that says `limit`: a
/// third of it. No broker is believed that it is more impatient than ten seconds (RabbitMQ advises
/// against less than a minute), for what is acknowledged is no longer anybody else's to take over;
/// and one that does not say its limit is taken for that impatient.
std::chrono::milliseconds ack_after_for(std::chrono::milliseconds limit);

}  // namespace rbit
