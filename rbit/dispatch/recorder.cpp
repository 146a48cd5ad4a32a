#include "rbit/dispatch/recorder.h"

#include <utility>

#include "rbit/base/failpoint.h"
#include "rbit/base/secrets.h"
#include "rbit/core/job_facts.h"
#include "rbit/dispatch/retry_policy.h"
#include "rbit/log/log.h"

namespace rbit {

Report report_on(const Job& job, Status status, std::string reason, std::string message,
                 const Clock& clock) {
  Report report;
  report.job_key = job.key;
  report.job_id = job.request.job_id;
  report.queue = job.queue;
  report.web_host = job.request.web_host;
  report.runner = job.runner;
  report.attempt = job.attempt;
  report.status = status;
  report.reason = std::move(reason);
  report.message = std::move(message);
  report.time = to_micros(clock.wall());
  return report;
}

Task<bool> Recorder::begin(RunningJob& running, const std::string& record_dir) {
  const Report building = report_on(running.job, Status::building, "", "", context_.clock);
  failpoint("J1.before");
  const Result<void> written = co_await context_.journal.begin(
      running.job, running.deliveries.front().message(), record_dir, building);
  if (!written) {
    context_.journal_watch.failed(written.error());
    co_return false;
  }
  failpoint("J1.after");
  context_.observer.status(building);
  co_return true;
}

void Recorder::note_status(RunningJob& running, Status status, std::string message) {
  Report report = report_on(running.job, status, "", secrets::redacted(message), context_.clock);
  if (Keeper* const keeper = context_.keeping.keeper()) return keeper->status(running.job, report);
  running.statuses.push_back(std::move(report));
  pump(running);
}

void Recorder::note_publication(RunningJob& running, Publication publication) {
  if (Keeper* const keeper = context_.keeping.keeper())
    return keeper->publish(running.job, publication, running.record_dir);
  running.statuses.push_back(std::move(publication));
  pump(running);
}

void Recorder::pump(RunningJob& running) {
  if (running.pumping) return;
  running.pumping = true;
  spawn(context_.loop, pump_statuses(running), "status report");
}

Task<void> Recorder::pump_statuses(RunningJob& running) {
  while (!running.statuses.empty()) {
    std::variant<Report, Publication> what = std::move(running.statuses.front());
    running.statuses.pop_front();
    co_await write(running, std::move(what));
  }
  running.pumping = false;
  running.pumped.notify();
}

Task<void> Recorder::write(const RunningJob& running, std::variant<Report, Publication> what) {
  if (const auto* report = std::get_if<Report>(&what)) {
    const Result<void> written = co_await context_.journal.report(running.job, *report);
    if (written)
      context_.observer.status(*report);
    else
      log::warning("a status was not recorded: " + written.error().text(), facts_of(running.job));
    co_return;
  }
  // A status is followed by another one; what is to be sent is not.
  const Publication publication = std::get<Publication>(std::move(what));
  Backoff backoff = Patience::pauses();
  for (;;) {
    const Result<void> written = co_await context_.journal.publish(running.job, publication);
    if (written) break;
    if (context_.patience.has_ended()) {
      log::error(
          "job " + running.job.name() +
              ": what it publishes is not on record, and so is not sent: " + written.error().text(),
          facts_of(running.job));
      co_return;
    }
    context_.journal_watch.failed(written.error());
    co_await context_.patience.pause(backoff.next());
  }
  context_.observer.published();
}

Task<void> Recorder::statuses_written(RunningJob& running) {
  while (running.pumping) co_await running.pumped.wait();
}

/// The one that it began with, whatever the configuration says by now.
const RunnerPolicy* Recorder::policy_of(const Job& job) const {
  const RunningJob* running = context_.ledger.running(job.key);
  return running == nullptr ? nullptr : running->policy.get();
}

Task<Recorder::Finished> Recorder::finish(const Job& job, const std::string& record_dir,
                                          const Outcome& outcome, const Settlement& settlement,
                                          Tell tell) {
  std::optional<Report> verdict;
  // A job that is requeued has nothing to tell.
  const bool is_over =
      outcome.kind != Outcome::Kind::interrupted && settlement.kind != Settlement::Kind::requeue;
  const bool died =
      outcome.kind == Outcome::Kind::crashed && settlement.kind == Settlement::Kind::requeue;
  const Status status = status_of(outcome, settlement);
  if (outcome.kind != Outcome::Kind::interrupted && !died && tell == Tell::all)
    verdict = report_on(job, status, outcome.reason, outcome.message, context_.clock);
  std::vector<Publication> leaving;
  if (outcome.kind == Outcome::Kind::done) leaving = outcome.given.publications;
  if (is_over)
    for (Publication& one : context_.outside.closing(policy_of(job), job, outcome, status))
      if (one.is_reply || tell == Tell::all) leaving.push_back(std::move(one));
  Backoff backoff = Patience::pauses();
  failpoint("J3.before");
  for (bool said = false;; said = true) {
    const Result<void> written =
        co_await context_.journal.finish(job, outcome, settlement, verdict, leaving);
    if (written) break;
    if (!said) {
      context_.journal_watch.failed(written.error());
      context_.outside.sync_record(record_dir);
    }
    if (context_.patience.has_ended()) {
      log::error("job " + job.name() + ": its verdict could not be written (" +
                     written.error().text() +
                     "); its message goes back, and its record is read again",
                 facts_of(job));
      co_return Finished{};
    }
    co_await context_.patience.pause(backoff.next());
  }
  failpoint("J3.after");
  if (!leaving.empty()) context_.observer.published();
  if (!verdict) co_return Finished{true, std::nullopt};
  context_.observer.status(*verdict);
  co_return Finished{true, verdict->status};
}

}  // namespace rbit
