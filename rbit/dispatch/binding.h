#pragma once

#include <optional>
#include <string>

#include "rbit/base/clock.h"
#include "rbit/core/runner.h"
#include "rbit/dispatch/retry_policy.h"

namespace rbit {

/// What a queue's messages are done by. Must outlive the flow.
struct Binding {
  std::string queue;
  std::string runner_name;
  Runner* runner = nullptr;
  RetryPolicy retry;
  std::optional<milliseconds> ack_after;  // none: a message is acknowledged when its job has ended
  bool can_own = false;  // messages can be acknowledged before that: the journal stands for them
};

}  // namespace rbit
