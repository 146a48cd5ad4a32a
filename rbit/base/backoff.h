#pragma once

#include <chrono>
#include <cstdint>
#include <random>

#include "rbit/base/random.h"

namespace rbit {

/// Pauses between tries: full jitter below a step that doubles from `base` to `cap`.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds base, std::chrono::milliseconds cap)
      : base_(base), cap_(cap), step_(base), random_(static_cast<std::uint32_t>(random_number())) {}

  /// The next pause, 0 up to the step; the step doubles.
  std::chrono::milliseconds next() {
    const auto limit = step_.count();
    step_ = step_ * 2 < cap_ ? step_ * 2 : cap_;
    return std::chrono::milliseconds(
        std::uniform_int_distribution<std::chrono::milliseconds::rep>(0, limit)(random_));
  }
  void reset() { step_ = base_; }

 private:
  std::chrono::milliseconds base_, cap_, step_;
  std::minstd_rand random_;
};

}  // namespace rbit
