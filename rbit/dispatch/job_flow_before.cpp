// What a JobFlow does before a job begins, and where one ends without having begun: cancels, and
// the word of its front-end (INTEROP.md 5).
#include <algorithm>
#include <utility>

#include "rbit/base/backoff.h"
#include "rbit/dispatch/build_check.h"
#include "rbit/dispatch/job_flow.h"
#include "rbit/dispatch/report_on.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

constexpr int most_waits = 1'000;  // as many as `attempts` may be

/// How often the message was put back; a stranger's nonsense is 0.
int waits_of(const Message& message) {
  const auto header = message.headers.find(waited_header);
  if (header == message.headers.end()) return 0;
  const auto* number = std::get_if<std::int64_t>(&header->second);
  if (number == nullptr || *number < 0 || *number > most_waits) return 0;
  return static_cast<int>(*number);
}

Outcome::Kind outcome_of(Standing::Kind kind) {
  if (kind == Standing::Kind::done) return Outcome::Kind::done;
  return kind == Standing::Kind::failed ? Outcome::Kind::failed : Outcome::Kind::cancelled;
}

Outcome cancelled() {
  Outcome outcome;
  outcome.kind = Outcome::Kind::cancelled;
  outcome.reason = "cancelled";
  return outcome;
}

}  // namespace

/// A cancel that is on record, or of this moment.
bool JobFlow::is_cancelled(const RunningJob& running) const {
  return running.stop.cancelled() || journal_.is_buried(running.job.request.job_id);
}

/// A job that has been cancelled is cancelled, however its attempt ended: the cancel may have come
/// when the runner could not hear it any more, or when rbit was already stopping. It counts until
/// the verdict is on record; what a job of an earlier life had reached stands.
void JobFlow::heed_cancel(const Job& job, bool asked, Outcome& outcome) const {
  const bool reached = outcome.kind == Outcome::Kind::done || outcome.kind == Outcome::Kind::failed;
  if (outcome.kind == Outcome::Kind::cancelled || (reached && !asked)) return;
  if (!asked && !journal_.is_buried(job.request.job_id)) return;
  outcome.kind = Outcome::Kind::cancelled;
  outcome.reason = "cancelled";
}

/// The job is among the running ones all the while, so that a cancel finds it; one that is on
/// record before that is found here.
Task<JobFlow::Before> JobFlow::look_before(const Binding& binding, RunningJob& running,
                                           std::optional<Slot>& slot) {
  Standing standing;
  if (links_.ask && !is_cancelled(running)) {
    standing = co_await links_.ask(running.job);
    if (hurried_ && !is_cancelled(running)) co_return Before::back;
  }
  if (is_cancelled(running)) {
    co_await accept_cancelled(running, slot);
    co_return Before::over;
  }
  const Message& message = running.deliveries.front().message();
  BuildClaims claims;
  claims.known = running.seen_before || journal_.find(running.job.key).has_value();
  claims.replayed = replayed_at(message) > 0;
  claims.waited = waits_of(message);
  claims.attempts = binding.retry.attempts();
  const int waited = claims.waited;
  switch (check_build(standing, claims)) {
    case BuildCheck::build:
      break;
    case BuildCheck::accept:
      co_await accept_unbuilt(running, slot, std::move(standing));
      co_return Before::over;
    case BuildCheck::put_back: {
      log::info("job " + running.job.request.job_id + " is not built yet: " + standing.said);
      const bool away = co_await put_back(binding, running, waited);
      if (away) co_return Before::over;
    }
  }
  co_return Before::begin;
}

/// False: no queue takes its copy, so that it is built now. A broker that is blocked is waited for,
/// in the job's slot: that is rare, and the job is being built elsewhere.
Task<bool> JobFlow::put_back(const Binding& binding, RunningJob& running, int waited) {
  const Settlement later = binding.retry.put_back(running.job, "another client builds it");
  const Settlement answered = Settlement::accept();
  Backoff backoff = patience();
  bool copied = false;
  running.has_verdict = true;  // whoever cancels it finds it again when it comes back
  while (!running.deliveries.empty()) {
    Delivery delivery = std::move(running.deliveries.back());
    running.deliveries.pop_back();
    delivery.mark(waited_header, std::int64_t{waited + 1});
    while (!delivery.is_void()) {  // a void one comes again by itself
      const Result<void> done = co_await delivery.settle(copied ? answered : later);
      copied = copied || done.has_value();
      if (done || hurried_) break;
      if (delivery.refusal() == CopyRefusal::lasting) {
        log::warning("job " + running.job.request.job_id +
                     " cannot be put back, it is built at once: " + done.error().text());
        running.deliveries.push_back(std::move(delivery));
        running.has_verdict = false;
        co_return false;
      }
      co_await pause(backoff.next());
    }
  }
  co_return true;
}

/// Nobody is told: that is what the front-end said itself.
Task<void> JobFlow::accept_unbuilt(RunningJob& running, std::optional<Slot>& slot,
                                   Standing standing) {
  running.has_verdict = true;
  slot.reset();
  const std::string line =
      "job " + running.job.request.job_id + " is not built, its message is accepted: ";
  if (standing.kind == Standing::Kind::failed)
    log::warning(line + standing.said + " (`rbit dead replay` or a retry there builds it)");
  else if (standing.kind == Standing::Kind::unknown)
    log::warning(line + standing.said + " (check [status] url, or set check-before-build = no)");
  else
    log::info(line + standing.said);
  Outcome outcome;
  outcome.kind = outcome_of(standing.kind);
  outcome.reason = outcome.kind == Outcome::Kind::cancelled ? "cancelled" : "";
  outcome.message = "not built: " + standing.said;
  const Settlement settlement = Settlement::accept();
  const Finished finished = co_await finish(running.job, "", outcome, settlement, Tell::nobody);
  if (!finished.on_record) co_return;
  const Status status =
      outcome.kind == Outcome::Kind::failed ? Status::failed : status_of(outcome, settlement);
  links_.told(report_on(running.job, status, outcome.reason, outcome.message, clock_));
  co_await settle_all(running, settlement);
}

Task<void> JobFlow::accept_cancelled(RunningJob& running, std::optional<Slot>& slot) {
  running.has_verdict = true;
  slot.reset();
  const Outcome outcome = cancelled();
  const Settlement settlement = Settlement::accept();
  const Finished finished = co_await finish(running.job, "", outcome, settlement);
  if (!finished.on_record) co_return;
  log::info("job " + running.job.request.job_id + " is cancelled before it began");
  links_.finished(running.job, outcome, finished.told);
  co_await settle_all(running, settlement);
}

Task<void> JobFlow::cancel(const OwnedJob& owned, Delivery delivery) {
  const std::string key = owned.job.key;
  RunningJob& running = running_.add(owned.job);  // a message of it that comes now joins
  running.received = running.begun = clock_.steady();
  running.deliveries.push_back(std::move(delivery));
  std::optional<Slot> none;
  co_await accept_cancelled(running, none);
  running_.remove(key);
}

Task<void> JobFlow::cancel_away(const JobRecord& record) {
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
  RunningJob& running = running_.add(std::move(job));
  running.received = running.begun = clock_.steady();
  std::optional<Slot> none;
  co_await accept_cancelled(running, none);
  running_.remove(record.key);
}

}  // namespace rbit
