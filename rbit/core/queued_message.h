#pragma once

#include <cstdint>
#include <functional>

#include "rbit/core/message.h"

namespace rbit {

/// A message that waits in its queue, for those who list it.
struct QueuedMessage {
  Message message;
  std::int64_t since = 0;      // when it came there, microseconds since 1970
  std::int64_t again = 0;      // it is delivered then; 0: as soon as it may be
  bool was_delivered = false;  // it may be out now, or be answered and about to go
};

/// False: no more of these.
using TellQueued = std::function<bool(const QueuedMessage& one)>;

}  // namespace rbit
