#include "rbit/dispatch/attempts.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "rbit/base/failpoint.h"
#include "rbit/base/secrets.h"

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

Task<Outcome> Attempts::run(const Binding& binding, RunningJob& running,
                            const std::string& record_dir, const Message& message,
                            std::optional<Slot>& slot) {
  Backoff backoff(first_pause, longest_pause);
  for (;;) {
    Outcome outcome = co_await try_once(binding, running, record_dir, message, slot);
    if (outcome.kind != Outcome::Kind::not_started || blame_the_disk(outcome)) co_return outcome;
    if (outcome.shortage == 0) co_return outcome;
    ++short_;
    shortage_watch_.note(outcome, short_);
    co_await wait_for_room(running, backoff.next() + first_pause);
    --short_;
    if (!patience_.has_ended() && !running.stop.requested()) continue;
    take_back(outcome);  // a cancel is heeded by our caller
    co_return outcome;
  }
}

Task<Outcome> Attempts::try_once(const Binding& binding, RunningJob& running,
                                 std::string record_dir, Message message,
                                 std::optional<Slot>& slot) {
  Outcome outcome;
  if (is_poison(running, outcome)) co_return outcome;
  RunContext context{[&](Status status, std::string said) {
                       recorder_.note_status(running, status, std::move(said));
                     },
                     running.stop, std::move(record_dir), std::move(message),
                     [&slot] { slot.reset(); }};
  failpoint("X.before");
  outcome = co_await binding.runner->run(running.job, context);
  running.stop.listen(nullptr);
  outcome.message = secrets::redacted(outcome.message);  // it goes to journal and reports
  outcome.wall_micros =
      std::chrono::duration_cast<std::chrono::microseconds>(clock_.steady() - running.begun)
          .count();
  co_await recorder_.statuses_written(running);  // before its end
  co_return outcome;
}

/// J1 has closed the attempt that ended with an earlier life, so all are counted.
bool Attempts::is_poison(const RunningJob& running, Outcome& outcome) const {
  if (running.job.crashes < RetryPolicy::poison_crashes) return false;
  const int deaths = journal_.recent_deaths(running.job.key);
  if (deaths < RetryPolicy::poison_crashes) return false;
  outcome.reason = "poison";
  outcome.message =
      "rbit died " + std::to_string(deaths) + " times within 72 hours during this job";
  return true;
}

/// A disk that takes nothing stops the intake until it does, and its job goes back: another rbit
/// may have room.
bool Attempts::blame_the_disk(Outcome& outcome) {
  const Result<void> works = means_.try_disk();
  if (works) return false;
  journal_watch_.failed(works.error());
  take_back(outcome);
  return true;
}

Task<void> Attempts::wait_for_room(const RunningJob& running, milliseconds time) {
  constexpr milliseconds slice{250};
  for (; time.count() > 0 && !patience_.has_ended() && !running.stop.requested(); time -= slice)
    co_await clock_.sleep_for(std::min(time, slice));
}

}  // namespace rbit
