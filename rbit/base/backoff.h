#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <utility>

#include "rbit/base/random.h"

namespace rbit {

/// Pauses between tries: a step that doubles from `base` to `cap`, in full or with full jitter.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds base, std::chrono::milliseconds cap)
      : base_(base), cap_(cap), step_(base) {}

  /// The next pause, 0 up to the step; the step doubles.
  std::chrono::milliseconds next() {
    // Not before: most tries need no second one.
    if (!std::exchange(is_seeded_, true)) random_.seed(static_cast<std::uint32_t>(random_number()));
    return std::chrono::milliseconds(std::uniform_int_distribution<std::chrono::milliseconds::rep>(
        0, next_step().count())(random_));
  }
  /// The same without jitter.
  std::chrono::milliseconds next_step() { return std::exchange(step_, std::min(step_ * 2, cap_)); }
  std::chrono::milliseconds step() const { return step_; }
  void reset() { step_ = base_; }

 private:
  std::chrono::milliseconds base_, cap_, step_;
  std::minstd_rand random_;
  bool is_seeded_ = false;
};

}  // namespace rbit
