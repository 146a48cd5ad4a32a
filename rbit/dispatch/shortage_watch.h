#pragma once

#include "rbit/base/clock.h"
#include "rbit/base/task.h"
#include "rbit/core/outcome.h"
#include "rbit/dispatch/patience.h"
#include "rbit/dispatch/slots.h"

namespace rbit {

/// Takes no more jobs at once than this machine has room for. On the loop's thread.
class ShortageWatch {
 public:
  ShortageWatch(const asio::any_io_executor& loop, Clock& clock, const Patience& patience,
                Slots& slots)
      : loop_(loop), clock_(clock), patience_(patience), slots_(slots) {}

  /// A job could not be started; `waiting` is how many wait for that.
  void note(const Outcome& outcome, int waiting);

 private:
  Task<void> grow_again();

  asio::any_io_executor loop_;
  Clock& clock_;
  const Patience& patience_;
  Slots& slots_;
  bool is_short_ = false;
  SteadyTime last_{};
};

}  // namespace rbit
