#include "rbit/dispatch/shortage_watch.h"

#include <string>

#include "rbit/base/shortage.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {
/// So long after the last job that found no room a few more are tried.
constexpr milliseconds growing_pause{10'000};
}  // namespace

void ShortageWatch::note(const Outcome& outcome, int waiting) {
  last_ = clock_.steady();
  slots_.meet_limit(waiting);
  if (is_short_) return;
  is_short_ = true;
  log::error("a job cannot be started now, which is not its fault: " + outcome.message +
             "; it waits here and costs no attempt, and no more jobs are taken than the " +
             std::to_string(slots_.used() - waiting) + " that run, of " +
             std::to_string(slots_.total()) + " slots (" + cure_of_shortage(outcome.shortage) +
             ")");
  spawn(loop_, grow_again(), "waiting for room");
}

/// Until all slots are in use again, or could be.
Task<void> ShortageWatch::grow_again() {
  for (;;) {
    co_await clock_.sleep_for(growing_pause);
    if (patience_.has_ended()) co_return;
    if (clock_.steady() - last_ < growing_pause) continue;
    if (slots_.grow()) break;
  }
  is_short_ = false;
  log::info("there is room for " + std::to_string(slots_.total()) + " jobs again");
}

}  // namespace rbit
