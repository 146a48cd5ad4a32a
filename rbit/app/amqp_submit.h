#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "rbit/config/settings.h"
#include "rbit/core/job_answer.h"
#include "rbit/core/message.h"
#include "rbit/core/message_source.h"

namespace rbit {

/// As Broker::submit, to one that speaks AMQP: persistent, mandatory and confirmed. One that waits
/// first goes to the queue of such a delay, as a retry does.
void submit_to_broker(const config::Settings& settings, MessageSource& messages,
                      std::chrono::milliseconds delay, std::size_t& safe);

/// As Broker::ask: the answer comes to a queue of this connection alone, `rbit.reply.ID`, that goes
/// with it. What has another correlation id is not it.
JobAnswer ask_broker(const config::Settings& settings, Message message,
                     std::chrono::milliseconds delay,
                     std::optional<std::chrono::milliseconds> patience);

}  // namespace rbit
