#pragma once

#include <optional>

#include "rbit/amqp/protocol.h"

namespace rbit {

/// If the broker refused something because the queue is a stream: the same refusal, said in full. A
/// stream keeps its messages and gives them to whoever asks; an acknowledgement means nothing
/// there, nothing comes back after a crash, and so it is no queue of jobs.
std::optional<amqp::Refusal> stream_refusal(const amqp::Refusal& why);

}  // namespace rbit
