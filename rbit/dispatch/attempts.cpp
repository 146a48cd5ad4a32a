#include "rbit/dispatch/attempts.h"

#include <chrono>
#include <utility>

#include "rbit/base/failpoint.h"
#include "rbit/base/secrets.h"
#include "rbit/base/shortage.h"
#include "rbit/core/job_facts.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

/// It costs a few system calls to find out whether there is room again.
constexpr milliseconds first_pause{100}, longest_pause{5'000};
/// So long after the last job that found no room a few more are tried.
constexpr milliseconds growing_pause{10'000};

/// What never began has nothing to say.
void take_back(Outcome& outcome) {
  outcome.kind = Outcome::Kind::interrupted;
  outcome.reason = "interrupted";
  outcome.message.clear();
}

}  // namespace

Task<Outcome> Attempts::run(const Binding& binding, RunningJob& running,
                            const std::string& record_dir, Slot& slot) {
  Backoff backoff(first_pause, longest_pause);
  RunContext context = context_of(running, record_dir, slot);
  for (;;) {
    Outcome outcome = co_await try_once(binding, running, context);
    if (outcome.kind != Outcome::Kind::not_started || blame_the_disk(outcome)) co_return outcome;
    if (outcome.shortage == 0) co_return outcome;
    ++short_;
    note_shortage(running.job, outcome);
    co_await context_.patience.pause(backoff.next() + first_pause, &running.stop);
    --short_;
    if (!context_.patience.has_ended() && !running.stop.requested()) continue;
    take_back(outcome);  // a cancel is heeded by our caller
    co_return outcome;
  }
}

RunContext Attempts::context_of(RunningJob& running, const std::string& record_dir, Slot& slot) {
  RunContext context{[this, &running](Status status, std::string said) {
                       recorder_.note_status(running, status, std::move(said));
                     },
                     running.stop, record_dir, [&slot] { slot.reset(); }};
  context.publish = [this, &running](Publication publication) {
    recorder_.note_publication(running, std::move(publication));
  };
  context.metric = [this, &running](const MetricChange& change) {
    context_.observer.metric(running.job, change);
  };
  context.progress = [this, &running](const Progress& progress) {
    context_.observer.progress(running.job, progress);
  };
  context.mistake_of = context_.outside.mistake_of;
  return context;
}

Task<Outcome> Attempts::try_once(const Binding& binding, RunningJob& running, RunContext& context) {
  Outcome outcome;
  if (is_poison(running, outcome)) co_return outcome;
  failpoint("X.before");
  outcome = co_await binding.runner->run(running.job, context);
  running.stop.listen(nullptr);
  outcome.message = secrets::redacted(outcome.message);  // it goes to journal and reports
  outcome.wall_micros =
      std::chrono::duration_cast<std::chrono::microseconds>(context_.clock.steady() - running.begun)
          .count();
  co_await recorder_.statuses_written(running);  // before its end
  co_return outcome;
}

/// J1 has closed the attempt that ended with an earlier life, so all are counted.
bool Attempts::is_poison(const RunningJob& running, Outcome& outcome) const {
  if (!running.seen_before || context_.keeping.keeper()) return false;
  const Journal::Deaths deaths = context_.journal.recent_deaths(running.job.key);
  const bool ran = deaths.during >= RetryPolicy::poison_crashes;
  if (!ran && deaths.before_start < RetryPolicy::poison_starts) return false;
  outcome.reason = "poison";
  outcome.message = "rbit died " + std::to_string(ran ? deaths.during : deaths.before_start) +
                    " times within 72 hours " +
                    (ran ? "during this job" : "before this job was started");
  return true;
}

/// A disk that takes nothing stops the intake until it does, and its job goes back: another rbit
/// may have room.
bool Attempts::blame_the_disk(Outcome& outcome) {
  const Result<void> works = context_.outside.try_disk();
  if (works) return false;
  context_.journal_watch.failed(works.error());
  take_back(outcome);
  return true;
}

void Attempts::note_shortage(const Job& job, const Outcome& outcome) {
  const Slots& slots = context_.slots;
  last_shortage_ = context_.clock.steady();
  context_.slots.meet_limit(short_);
  if (std::exchange(is_growing_, true)) return;
  log::error("a job cannot be started now, which is not its fault: " + outcome.message +
                 "; it waits here and costs no attempt, and no more jobs are taken than the " +
                 std::to_string(slots.used() - short_) + " that run, of " +
                 std::to_string(slots.total()) + " slots (" + cure_of_shortage(outcome.shortage) +
                 ")",
             rbit::facts_of(job));
  spawn(context_.loop, grow_again(), "waiting for room");
}

/// Until all slots are in use again, or could be.
Task<void> Attempts::grow_again() {
  for (;;) {
    co_await context_.clock.sleep_for(growing_pause);
    if (context_.patience.has_ended()) co_return;
    if (context_.clock.steady() - last_shortage_ < growing_pause) continue;
    if (context_.slots.grow()) break;
  }
  is_growing_ = false;
  log::info("there is room for " + std::to_string(context_.slots.total()) + " jobs again");
}

}  // namespace rbit
