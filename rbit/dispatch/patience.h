#pragma once

#include <algorithm>

#include "rbit/base/backoff.h"
#include "rbit/base/clock.h"
#include "rbit/core/runner.h"

namespace rbit {

/// What must succeed in the end (a write of the journal, a settlement) is tried again and again,
/// until rbit is told to stop. Then everything is tried once more at most: the next life goes on
/// from the journal. On the loop's thread.
class Patience {
 public:
  explicit Patience(Clock& clock) : clock_(clock) {}

  /// rbit is told to stop.
  void end() { ended_ = true; }
  bool has_ended() const { return ended_; }

  /// The pauses between two tries.
  static Backoff pauses() { return Backoff(milliseconds(200), milliseconds(10'000)); }
  /// Ends early when patience has ended, or the job is asked to.
  Task<void> pause(milliseconds time, const StopRequest* job = nullptr) {
    constexpr milliseconds slice{250};
    time = std::max(time, milliseconds(1));  // something else has its turn
    for (; time.count() > 0 && !ended_ && !(job && job->requested()); time -= slice)
      co_await clock_.sleep_for(std::min(time, slice));
  }

 private:
  Clock& clock_;
  bool ended_ = false;
};

}  // namespace rbit
