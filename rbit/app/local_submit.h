#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "rbit/config/settings.h"
#include "rbit/core/job_answer.h"
#include "rbit/core/message.h"
#include "rbit/core/message_source.h"

namespace rbit {

/// As Broker::submit, into the embedded queue: by the rbit that runs, or straight into its file.
void submit_here(const config::Settings& settings, MessageSource& messages,
                 std::chrono::milliseconds delay, std::size_t& safe);

/// As Broker::ask: looks into the journal, through the rbit that runs, until the job has ended.
JobAnswer ask_here(const config::Settings& settings, Message message,
                   std::chrono::milliseconds delay,
                   std::optional<std::chrono::milliseconds> patience);

}  // namespace rbit
