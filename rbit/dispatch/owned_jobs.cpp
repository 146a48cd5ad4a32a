#include "rbit/dispatch/owned_jobs.h"

#include <algorithm>
#include <set>
#include <utility>

#include "rbit/base/text.h"
#include "rbit/core/job_facts.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

// Until a job that could not be begun, or whose message could not be requeued, is tried again.
constexpr milliseconds pause_in_vain{5'000};
// Dead letters that nobody took are offered again this often.
constexpr milliseconds dead_letter_pause{60'000};

}  // namespace

OwnedJobs::OwnedJobs(DispatchContext& context, JobFlow& flow, Recorder& recorder,
                     Settling& settling, BindingOf binding_of,
                     std::function<bool(const Binding&)> may_begin)
    : context_(context),
      flow_(flow),
      recorder_(recorder),
      settling_(settling),
      binding_of_(std::move(binding_of)),
      may_begin_(std::move(may_begin)),
      alarm_(context.loop, context.clock, [this] { start_due(); }) {}

void OwnedJobs::take_over() {
  bool has_dead_letters = false;
  for (const std::string& key : context_.journal.owned_jobs()) {
    if (context_.ledger.running(key) != nullptr) continue;  // an earlier rbit still runs it
    const auto record = context_.journal.find(key);
    if (!record) continue;
    const bool unfinished = is_unfinished(record->state);
    const bool is_read = binding_of_(record->queue, record->runner) != nullptr;
    if (record->state == JobRecord::State::blocked && is_read) {
      keep(*record);
    } else if (!unfinished && record->settlement.kind == Settlement::Kind::dead_letter) {
      has_dead_letters = true;  // there may be thousands: one after the other
    } else if (unfinished && is_read) {
      log::info("job " + record->name() + " is ours since an earlier life: it runs again",
                facts_of(*record));
      context_.ledger.backlog().add(key, record->queue, record->runner, context_.clock.steady());
    } else {
      if (unfinished)
        log::warning("job " + record->name() + " is ours since an earlier life, but queue " +
                         record->queue + " is not read here any more",
                     facts_of(*record));
      send_away(key);
    }
  }
  if (has_dead_letters) watch_dead_letters(milliseconds{0});
}

void OwnedJobs::take_over(const std::string& key) {
  const auto record = context_.journal.find(key);
  if (ended_ || !record) return;  // it is found by the next life
  if (binding_of_(record->queue, record->runner) == nullptr) return send_away(key);
  context_.ledger.backlog().add(key, record->queue, record->runner, context_.clock.steady());
  start_due();
}

void OwnedJobs::start_due() {
  if (ended_ || is_starting_) return;
  is_starting_ = true;  // a slot that is taken calls us again
  const auto fits = [this](const std::string& key, const std::string& queue,
                           const std::string& runner) {
    // Its last attempt may still be on its way out.
    const std::shared_ptr<const Binding> binding = binding_of_(queue, runner);
    return binding != nullptr && context_.ledger.running(key) == nullptr && may_begin_(*binding) &&
           context_.slots.free(binding->runner_name) > 0;
  };
  Backlog& backlog = context_.ledger.backlog();
  while (auto next = backlog.take(context_.clock.steady(), fits)) {
    std::shared_ptr<const Binding> binding = binding_of_(next->queue, next->runner);
    Slot slot = context_.slots.try_take(binding->runner_name);
    context_.flows.start(resume(std::move(binding), std::move(next->key), std::move(slot)),
                         "an owned job");
  }
  is_starting_ = false;
  if (const auto next = backlog.next_due(context_.clock.steady())) alarm_.set(*next);
}

Task<void> OwnedJobs::resume(std::shared_ptr<const Binding> binding, std::string key, Slot slot) {
  const auto read = context_.journal.owned_job(key);
  bool begun = read.has_value();
  if (begun && *read) {
    const OwnedJob& owned = **read;
    begun = co_await flow_.resume(*binding, owned, context_.transport.adopt(owned.message),
                                  std::move(slot));
  }
  if (!begun)
    context_.ledger.backlog().add(key, binding->queue, binding->runner_name,
                                  context_.clock.steady() + pause_in_vain);
}

/// One that will not run here is requeued, or gets what its verdict wants.
void OwnedJobs::send_away(std::string key) {
  context_.flows.start(finish(std::move(key)), "an owned job");
}

Task<void> OwnedJobs::finish(std::string key) {
  const auto read = context_.journal.owned_job(key);
  if (!read || !*read) co_return;
  const OwnedJob& owned = **read;
  Delivery delivery = context_.transport.adopt(owned.message);
  if (is_unfinished(owned.state))
    co_await requeue(owned, std::move(delivery));
  else
    co_await settle(owned, std::move(delivery));
}

Task<void> OwnedJobs::requeue(const OwnedJob& owned, Delivery delivery) {
  log::info("job " + owned.job.name() + " goes back to queue " + owned.job.queue,
            facts_of(owned.job));
  OwnedJob back = owned;
  Outcome outcome;
  outcome.reason = "interrupted";
  outcome.kind = Outcome::Kind::interrupted;
  if (owned.state == JobRecord::State::running) {  // rbit died during its last attempt
    outcome.kind = Outcome::Kind::crashed;
    ++back.job.attempt;
    ++back.job.crashes;
  }
  back.settlement = Settlement::requeue(back.job.attempt);
  const auto finished = co_await recorder_.finish(back.job, "", outcome, back.settlement);
  if (finished.on_record) co_await settle(back, std::move(delivery));
}

/// One that has a verdict: what was to become of its message becomes of it.
Task<void> OwnedJobs::settle(const OwnedJob& owned, Delivery delivery) {
  const std::string key = owned.job.key;
  if (context_.ledger.is_settling(key)) co_return;
  const Ledger::Claim claim = context_.ledger.settle(key);
  const bool settled = co_await settling_.settle(key, delivery, owned.settlement);
  if (!settled) co_return;  // told to stop: at the next start
  const Result<void> written = co_await context_.journal.settled(key);
  if (!written)
    log::warning("a settlement was not recorded: " + written.error().text(), facts_of(owned.job));
}

void OwnedJobs::keep(const JobRecord& job) {
  Backlog& backlog = context_.ledger.backlog();
  const SteadyTime now = context_.clock.steady();
  if (job.settlement.kind == Settlement::Kind::retry) {
    const auto due = from_micros(job.ended) + job.settlement.delay;
    // Of an earlier life its delay at most: the wall clock may have been set back since.
    const auto left = std::clamp<WallTime::duration>(
        due - context_.clock.wall(), WallTime::duration::zero(), job.settlement.delay);
    backlog.add(job.key, job.queue, job.runner, now + std::chrono::ceil<milliseconds>(left));
    start_due();                                                  // sets the alarm
  } else if (job.settlement.kind == Settlement::Kind::requeue) {  // refused as well: it stays
    backlog.add(job.key, job.queue, job.runner, now + pause_in_vain);
    start_due();
  } else {
    watch_dead_letters(dead_letter_pause);
  }
}

void OwnedJobs::end() {
  ended_ = true;
  Backlog& backlog = context_.ledger.backlog();
  for (const std::string& key : backlog.keys()) {
    const auto record = context_.journal.find(key);
    if (!record || !is_unfinished(record->state)) continue;
    backlog.remove(key);
    send_away(key);
  }
}

void OwnedJobs::watch_dead_letters(milliseconds pause) {
  if (std::exchange(has_dead_letters_, true)) return;
  spawn(context_.loop, move_dead_letters(pause), "dead letters that wait here");
}

/// Offers them, after `pause` and then again and again, one of each queue that still refuses.
Task<void> OwnedJobs::move_dead_letters(milliseconds pause) {
  while (has_dead_letters_) {
    co_await context_.clock.sleep_for(pause);
    pause = dead_letter_pause;
    if (ended_) co_return;
    has_dead_letters_ = false;
    std::set<std::string> refusing;
    for (const std::string& key : context_.journal.owned_jobs()) {
      const auto job = context_.journal.find(key);
      const bool waits = job && job->settlement.kind == Settlement::Kind::dead_letter &&
                         context_.ledger.running(key) == nullptr;
      if (!waits || ended_) continue;
      has_dead_letters_ = true;
      if (refusing.contains(job->queue)) continue;
      co_await context_.flows.run(finish(key));
      const auto after = context_.journal.find(key);
      if (after && !after->settled) refusing.insert(job->queue);
    }
  }
}

Task<Result<void>> OwnedJobs::end_dead_letter(std::string key, std::optional<Message> again) {
  const std::string what = "message " + text::one_line(key, 80);
  if (context_.ledger.running(key) != nullptr || context_.ledger.is_settling(key))
    co_return Error{what, "is being moved just now", "look again"};
  const Ledger::Claim claim = context_.ledger.settle(key);
  const auto known = context_.journal.find(key);
  if (!known || known->settled || known->settlement.kind != Settlement::Kind::dead_letter)
    co_return Error{what, "does not wait here any more", "look again"};
  if (again) {
    Delivery delivery = context_.transport.adopt(std::move(*again));
    const Settlement fresh = Settlement::requeue(0);
    const Result<void> sent = co_await delivery.settle(fresh);
    if (!sent) co_return sent;
  }
  const Result<void> written = co_await context_.journal.settled(key);
  co_return written;
}

}  // namespace rbit
