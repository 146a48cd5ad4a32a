#include "rbit/dispatch/cancels.h"

#include <algorithm>
#include <utility>

#include "rbit/core/job_facts.h"
#include "rbit/core/job_name.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

constexpr milliseconds sick_journal_pause{5'000};

Outcome cancelled() {
  Outcome outcome;
  outcome.kind = Outcome::Kind::cancelled;
  outcome.reason = "cancelled";
  return outcome;
}

/// As much of the job as is known of one that is not here.
Job job_of(const JobRecord& record) {
  Job job;
  job.key = record.key;
  job.queue = record.queue;
  job.runner = record.runner;
  // Its copy asks for this attempt, and finds that it has an answer.
  job.attempt = std::max(record.attempt, record.settlement.next_attempt);
  job.crashes = record.crashes;
  job.request.job_id = record.job_id;
  job.request.package = record.package;
  job.request.version = record.version;
  job.digest = record.digest;
  return job;
}

}  // namespace

bool Cancels::is_on_record(const Job& job) const {
  return context_.journal.has_cancel(job.request.job_id) ||
         context_.journal.has_cancel(cancel_of(job.key));
}

bool Cancels::is_wanted(const RunningJob& running) const {
  return running.stop.cancelled() || is_on_record(running.job);
}

void Cancels::heed(const Job& job, bool asked, Outcome& outcome) const {
  const bool reached = outcome.kind == Outcome::Kind::done || outcome.kind == Outcome::Kind::failed;
  if (outcome.kind == Outcome::Kind::cancelled || (reached && !asked)) return;
  if (!asked && !is_on_record(job)) return;
  outcome.kind = Outcome::Kind::cancelled;
  outcome.reason = "cancelled";
  outcome.given = {};
}

Task<void> Cancels::end(RunningJob& running, Slot& slot) {
  running.has_verdict = true;
  slot.reset();
  const Outcome outcome = cancelled();
  const Settlement settlement = Settlement::accept();
  const auto finished = co_await recorder_.finish(running.job, "", outcome, settlement);
  if (!finished.on_record) co_return;
  log::info("job " + running.job.name() + " is cancelled before it began", facts_of(running.job));
  context_.observer.finished(running.job, outcome, finished.told);
  co_await settling_.settle_all(running, settlement);
}

/// A message of it that comes meanwhile joins.
Task<void> Cancels::end_now(Job job, std::optional<Delivery> delivery) {
  const Ledger::Claim claim = context_.ledger.run(std::move(job));
  RunningJob& running = claim.job();
  running.received = running.begun = context_.clock.steady();
  if (delivery) running.deliveries.push_back(std::move(*delivery));
  Slot none;
  co_await end(running, none);
}

bool Cancels::cancel(const std::string& key_or_id) {
  if (key_or_id.empty()) return false;  // not the job whose request has no id
  for (const auto& [key, running] : context_.ledger.all_running()) {
    if (key != key_or_id && running->job.request.job_id != key_or_id) continue;
    if (running->has_verdict) return false;
    running->stop.request(StopKind::cancel);
    return true;
  }
  std::string waiting = waiting_job(key_or_id);
  if (waiting.empty()) return false;
  context_.ledger.backlog().remove(waiting);
  context_.flows.start(cancel_waiting(std::move(waiting)), "a cancel");
  return true;
}

/// The key of that job in the backlog; empty if there is none.
std::string Cancels::waiting_job(const std::string& key_or_id) const {
  const Backlog& backlog = context_.ledger.backlog();
  if (backlog.holds(key_or_id)) return key_or_id;
  for (const std::string& key : context_.journal.owned_jobs()) {
    if (!backlog.holds(key)) continue;
    const auto job = context_.journal.find(key);
    if (job && job->job_id == key_or_id) return key;
  }
  return "";
}

/// One that has left the backlog and shall not run any more. Told to stop before that is on record:
/// it is as it was.
Task<void> Cancels::cancel_waiting(std::string key) {
  const auto known = context_.journal.find(key);
  auto read = context_.journal.owned_job(key);
  if (read && *read) {
    Delivery delivery = context_.transport.adopt(std::move((*read)->message));
    co_await end_now(std::move((*read)->job), std::move(delivery));
  } else if (!read && known) {  // the journal is sick: it stays, and will run
    context_.ledger.backlog().add(key, known->queue, known->runner,
                                  context_.clock.steady() + sick_journal_pause);
  }
}

Task<Result<void>> Cancels::cancel_by_key(std::string key) {
  // On record first, as below.
  const std::string mark = cancel_of(key);
  const Result<bool> recorded = co_await context_.journal.record_cancel(mark);
  if (!recorded) co_return recorded.error();
  if (cancel(key)) co_return Result<void>();  // it has begun meanwhile
  const auto known = context_.journal.find(key);
  const bool comes_again = known && known->state == JobRecord::State::blocked &&
                           context_.ledger.place_of(key) == Ledger::Place::nowhere;
  log::info("job " + (known ? known->name() : key) + " is to be cancelled: it " +
                (comes_again ? "would have come again" : "waits in its queue"),
            known ? facts_of(*known) : JobFacts{{"job", key}, {"key", key}});
  if (!comes_again) co_return Result<void>();
  const auto ours = context_.journal.owned_job(key);
  if (ours && !*ours) co_await context_.flows.run(end_now(job_of(*known), std::nullopt));
  co_return Result<void>();
}

Task<Result<void>> Cancels::cancel_for_front_end(std::string job_id) {
  if (job_id.empty()) co_return Result<void>();  // not every job that has no number
  // On record first: what comes of this id from now on meets the cancel there, also after a crash.
  // What came before is looked for afterwards.
  const Result<bool> wanted = co_await context_.journal.record_cancel(job_id);
  if (!wanted) {
    ask_to_stop(job_id);
    co_return wanted.error();
  }
  bool found = co_await stop_running(job_id);
  for (const JobRecord& listed : context_.journal.unfinished(job_id)) {
    const auto known = context_.journal.find(listed.key);  // others were seen to meanwhile
    if (!known || context_.ledger.running(listed.key) != nullptr) continue;
    const JobRecord& job = *known;
    const bool is_over = !is_unfinished(job.state) && job.state != JobRecord::State::blocked &&
                         job.state != JobRecord::State::moved;
    if (is_over) continue;
    if (context_.ledger.backlog().holds(job.key)) {
      context_.ledger.backlog().remove(job.key);
      co_await context_.flows.run(cancel_waiting(job.key));
      found = true;
      continue;
    }
    const auto ours = context_.journal.owned_job(job.key);
    if (!ours || *ours) continue;  // the cancel is on record where it is looked for
    found = true;
    // Its message waits at the broker. It is over at once, and its message answered when it comes.
    log::info("job " + job_id + " is to be cancelled: it waits at the broker", facts_of(job));
    co_await context_.flows.run(end_now(job_of(job), std::nullopt));
  }
  if (!*wanted)
    log::info("job " + job_id + " is to be cancelled, but it is over: nothing is done",
              {{"job", job_id}});
  else if (!found)
    log::info("job " + job_id + " is to be cancelled, but was not seen here: its message will be " +
                  "accepted without a build if it comes within 7 days",
              {{"job", job_id}});
  co_return Result<void>();
}

/// A verdict that is being put on record decides whether anything is left to cancel. Returns true
/// if there was a job that runs.
Task<bool> Cancels::stop_running(std::string job_id) {
  bool found = false;
  for (;;) {
    found = ask_to_stop(job_id) || found;
    bool deciding = false;
    for (const auto& [key, job] : context_.ledger.all_running())
      deciding = deciding || (job->has_verdict && job->job.request.job_id == job_id);
    if (!deciding) co_return found;
    co_await context_.ledger.changed().wait();
  }
}

/// Returns true if a job of that id runs and had not been asked yet.
bool Cancels::ask_to_stop(const std::string& job_id) {
  bool asked = false;
  for (const auto& [key, job] : context_.ledger.all_running()) {
    if (job->job.request.job_id != job_id || job->has_verdict || job->stop.cancelled()) continue;
    asked = true;
    log::info("job " + job_id + " is to be cancelled: it is here and asked to stop",
              facts_of(job->job));
    job->stop.request(StopKind::cancel);
  }
  return asked;
}

}  // namespace rbit
