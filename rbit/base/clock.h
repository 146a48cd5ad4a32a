#pragma once

#include <chrono>
#include <cstdint>

#include "rbit/base/task.h"

namespace rbit {

/// A moment people read: microseconds since 1970, UTC. It may jump.
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;
/// A moment limits are measured by. It never jumps.
using SteadyTime = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

/// The only source of time. All members on the loop's thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime wall() const = 0;
  virtual SteadyTime steady() const = 0;
  virtual Task<void> sleep_for(milliseconds pause) = 0;
};

class SystemClock : public Clock {
 public:
  WallTime wall() const override;
  SteadyTime steady() const override;
  Task<void> sleep_for(milliseconds pause) override;
};

/// Microseconds since 1970, as the journal keeps times.
inline std::int64_t to_micros(WallTime time) {
  return time.time_since_epoch().count();
}
inline WallTime from_micros(std::int64_t micros) {
  return WallTime(std::chrono::microseconds(micros));
}
/// Whole seconds since 1970, as PyBit writes times.
inline std::int64_t to_seconds(WallTime time) {
  return to_micros(time) / 1'000'000;
}

}  // namespace rbit
