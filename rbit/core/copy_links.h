#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "rbit/base/task.h"
#include "rbit/core/awaited_copy.h"

namespace rbit {

/// How one learns what became of the copies by which jobs are to come again, at a broker that may
/// lose them.
struct CopyLinks {
  struct QueueCount {
    bool is_there = false;
    std::uint32_t messages = 0, consumers = 0;  // ready ones; ours and others'
  };
  /// Gives none if the broker did not say.
  std::function<Task<std::optional<QueueCount>>(std::string queue)> ask;
  std::function<std::uint32_t(const std::string& queue)> own_consumers;
  /// The queue in which it waits until it is due.
  std::function<std::string(const AwaitedCopy&)> delay_queue;
  /// Each rbit that reads queues there has a consumer on it.
  std::string presence_queue;
};

}  // namespace rbit
