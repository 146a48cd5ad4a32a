#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>

namespace rbit {

// rbit's own queues at a broker, by the work queue that they are of. The names stay for ever.

inline std::string dead_queue(const std::string& queue) {
  return "rbit.dead." + queue;
}

/// A delay as `x-message-ttl` takes it, whose type is fixed.
inline std::int32_t delay_of(std::chrono::milliseconds delay) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(delay.count(), 0, most));
}

/// How the names of its delay queues begin.
inline std::string retry_queues(const std::string& queue) {
  return "rbit.retry." + queue + ".";
}
/// Where copies wait for `delay` before they come back.
inline std::string retry_queue(const std::string& queue, std::chrono::milliseconds delay) {
  return retry_queues(queue) + std::to_string(delay_of(delay));
}

}  // namespace rbit
