#include "rbit/dispatch/recorder.h"

#include <utility>

#include "rbit/base/failpoint.h"
#include "rbit/base/secrets.h"
#include "rbit/dispatch/report_on.h"
#include "rbit/dispatch/retry_policy.h"
#include "rbit/log/log.h"

namespace rbit {

Task<bool> Recorder::begin(RunningJob& running, const std::string& record_dir) {
  const Report building = report_on(running.job, Status::building, "", "", clock_);
  failpoint("J1.before");
  const Result<void> written = co_await journal_.begin(
      running.job, running.deliveries.front().message(), record_dir, building);
  if (!written) {
    journal_watch_.failed(written.error());
    co_return false;
  }
  failpoint("J1.after");
  observer_.status(building);
  co_return true;
}

void Recorder::note_status(RunningJob& running, Status status, std::string message) {
  running.statuses.push_back(
      report_on(running.job, status, "", secrets::redacted(message), clock_));
  if (running.pumping) return;
  running.pumping = true;
  spawn(loop_, pump_statuses(running), "status report");
}

Task<void> Recorder::pump_statuses(RunningJob& running) {
  while (!running.statuses.empty()) {
    const Report report = std::move(running.statuses.front());
    running.statuses.pop_front();
    const Result<void> written = co_await journal_.report(running.job, report);
    if (written)
      observer_.status(report);
    else
      log::warning("a status was not recorded: " + written.error().text());
  }
  running.pumping = false;
  running.pumped.notify();
}

Task<void> Recorder::statuses_written(RunningJob& running) {
  while (running.pumping) co_await running.pumped.wait();
}

Task<Recorder::Finished> Recorder::finish(const Job& job, const std::string& record_dir,
                                          const Outcome& outcome, const Settlement& settlement,
                                          Tell tell) {
  std::optional<Report> verdict;
  // A job that is requeued has nothing to tell.
  const bool died =
      outcome.kind == Outcome::Kind::crashed && settlement.kind == Settlement::Kind::requeue;
  if (outcome.kind != Outcome::Kind::interrupted && !died && tell == Tell::all)
    verdict =
        report_on(job, status_of(outcome, settlement), outcome.reason, outcome.message, clock_);
  Backoff backoff = Patience::pauses();
  failpoint("J3.before");
  for (bool said = false;; said = true) {
    const Result<void> written = co_await journal_.finish(job, outcome, settlement, verdict);
    if (written) break;
    if (!said) {
      journal_watch_.failed(written.error());
      means_.sync_record(record_dir);
    }
    if (patience_.has_ended()) {
      log::error("job " + job.request.job_id + ": its verdict could not be written (" +
                 written.error().text() + "); its message goes back, and its record is read again");
      co_return Finished{};
    }
    co_await patience_.pause(backoff.next());
  }
  failpoint("J3.after");
  if (!verdict) co_return Finished{true, std::nullopt};
  observer_.status(*verdict);
  co_return Finished{true, verdict->status};
}

}  // namespace rbit
