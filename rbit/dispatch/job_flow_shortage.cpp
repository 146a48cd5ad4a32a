// What cannot be started for want of something that this machine has too little of is not the job's
// fault, and costs no attempt.
#include <algorithm>
#include <utility>

#include "rbit/base/backoff.h"
#include "rbit/dispatch/job_flow.h"

namespace rbit {

namespace {

/// It costs a few system calls to find out whether there is room again.
constexpr milliseconds first_pause{100}, longest_pause{5'000};

/// What never began has nothing to say.
void take_back(Outcome& outcome) {
  outcome.kind = Outcome::Kind::interrupted;
  outcome.reason = "interrupted";
  outcome.message.clear();
}

}  // namespace

/// The attempt. One that could not begin for a shortage keeps its slot, its record and its message,
/// for giving it back would only bring it again, and is tried until it begins, or somebody asks for
/// its end.
Task<Outcome> JobFlow::attempt_with_patience(const Binding& binding, RunningJob& running,
                                             const std::string& record_dir, const Message& envelope,
                                             std::optional<Slot>& slot) {
  Backoff backoff(first_pause, longest_pause);
  for (;;) {
    Outcome outcome = co_await attempt(binding, running, record_dir, envelope, slot);
    if (outcome.kind != Outcome::Kind::not_started || blame_the_disk(outcome)) co_return outcome;
    if (outcome.shortage == 0) co_return outcome;
    ++short_;
    links_.short_of(outcome, short_);
    co_await wait_for_room(running, backoff.next() + first_pause);
    --short_;
    if (!hurried_ && !running.stop.requested()) continue;
    take_back(outcome);  // a cancel is heeded by our caller
    co_return outcome;
  }
}

/// A disk that takes nothing stops the intake until it does, and its job goes back: another rbit
/// may have room.
bool JobFlow::blame_the_disk(Outcome& outcome) {
  const Result<void> works = links_.try_disk();
  if (works) return false;
  links_.journal_failed(works.error());
  take_back(outcome);
  return true;
}

Task<void> JobFlow::wait_for_room(const RunningJob& running, milliseconds time) {
  constexpr milliseconds slice{250};
  for (; time.count() > 0 && !hurried_ && !running.stop.requested(); time -= slice)
    co_await clock_.sleep_for(std::min(time, slice));
}

}  // namespace rbit
