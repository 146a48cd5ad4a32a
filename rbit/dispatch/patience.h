#pragma once

#include "rbit/base/backoff.h"
#include "rbit/base/clock.h"
#include "rbit/base/task.h"

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
  static Backoff pauses();
  /// Ends early when patience has ended.
  Task<void> pause(milliseconds time);

 private:
  Clock& clock_;
  bool ended_ = false;
};

}  // namespace rbit
