// No more jobs at once than this machine has room for.
#include <string>

#include "rbit/base/shortage.h"
#include "rbit/dispatch/dispatcher.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

/// So long after the last job that found no room a few more are tried.
constexpr milliseconds growing_pause{10'000};

}  // namespace

void Dispatcher::short_of(const Outcome& outcome, int waiting) {
  last_short_ = clock_.steady();
  slots_.meet_limit(waiting);
  update_credit();
  if (short_) return;
  short_ = true;
  log::error("a job cannot be started now, which is not its fault: " + outcome.message +
             "; it waits here and costs no attempt, and no more jobs are taken than the " +
             std::to_string(slots_.used() - waiting) + " that run, of " +
             std::to_string(slots_.total()) + " slots (" + cure_of_shortage(outcome.shortage) +
             ")");
  spawn(loop_, wait_for_room(), "waiting for room");
}

/// Until all slots are in use again, or could be.
Task<void> Dispatcher::wait_for_room() {
  for (;;) {
    co_await clock_.sleep_for(growing_pause);
    if (draining_) co_return;
    if (clock_.steady() - last_short_ < growing_pause) continue;
    if (slots_.grow()) break;
  }
  short_ = false;
  log::info("there is room for " + std::to_string(slots_.total()) + " jobs again");
}

}  // namespace rbit
