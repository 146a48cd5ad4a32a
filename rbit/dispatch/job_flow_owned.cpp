// What a JobFlow does of jobs and dead letters that the journal alone stands for
// (RELIABILITY.md 2.2, claim `owned`): how they come to wait here, and how they leave.
#include <utility>

#include "rbit/core/returns.h"
#include "rbit/dispatch/job_flow.h"
#include "rbit/log/log.h"

namespace rbit {

/// It has no slot, and would go back once too often: it is ours from now on, and waits here.
Task<void> JobFlow::keep_waiting(const Binding& binding, Delivery delivery, BuildRequest request,
                                 const Recall& past) {
  Job job = accept(binding, delivery.message(), std::move(request), past);
  job.owned = true;
  RunningJobs::Busy busy(running_, job.key);
  const Result<void> written = co_await journal_.keep_waiting(job, delivery.message());
  if (!written) {
    links_.journal_failed(written.error());
    co_return;
  }
  log::info("job " + job.request.job_id + " of queue " + job.queue + " came back " +
            std::to_string(returns_of(delivery.message())) +
            " times: it is on record as ours and waits here for a slot");
  backlog_.add(job.key, job.queue, clock_.steady());
  co_await acknowledge(std::move(delivery));
}

Task<bool> JobFlow::resume(const Binding& binding, const OwnedJob& owned, Delivery delivery,
                           Slot slot) {
  Job job = owned.job;
  const std::string key = job.key;
  if (owned.state == JobRecord::State::running) {  // its attempt ended with an earlier life
    ++job.attempt;
    ++job.crashes;
  } else if (owned.state == JobRecord::State::blocked) {  // it waited here for its time
    job.attempt = owned.settlement.next_attempt;
  }
  job.timestamp = to_seconds(clock_.wall());
  RunningJob& running = running_.add(std::move(job));
  running.received = clock_.steady();
  running.deliveries.push_back(std::move(delivery));
  const bool begun = co_await carry_out(binding, running, std::move(slot));
  running_.remove(key);
  co_return begun;
}

/// A copy that the broker refuses (403, 404, a full queue) may be refused for long: the journal
/// stands for the message instead (RELIABILITY.md 4). A retry waits there for its time, a dead
/// letter for somebody who takes it. False: not on record, so nothing is acknowledged.
Task<bool> JobFlow::keep_here(const std::string& key, Delivery& delivery,
                              const Settlement& settlement, const Error& why) {
  const auto known = journal_.find(key);
  const bool is_job = known && !known->settled && known->settlement.kind == settlement.kind;
  Result<void> written;
  if (is_job)
    written = co_await journal_.own(key);
  else
    written = co_await journal_.keep_dead(delivery.message(), settlement);
  if (!written) {
    links_.journal_failed(written.error());
    co_return false;
  }
  if (refusing_.insert(delivery.message().queue).second)
    log::error("queue " + delivery.message().queue + ": " +
               (settlement.kind == Settlement::Kind::retry
                    ? "jobs to be tried again wait here, not at the broker: "
                    : "dead letters stay here until the broker takes them: ") +
               why.text());
  const Result<void> told = co_await delivery.acknowledge();
  if (!told) log::debug("an acknowledgement may be lost: " + told.error().text());
  // A letter whose key is taken has got another one; what bears the key is not what is kept.
  JobRecord kept;
  kept.queue = delivery.message().queue;
  kept.settlement = settlement;
  if (const auto record = is_job ? journal_.find(key) : std::nullopt) kept = *record;
  links_.kept(kept);
  co_return true;
}

Task<void> JobFlow::settle_owned(const OwnedJob& owned, Delivery delivery) {
  const std::string key = owned.job.key;
  if (running_.is_busy(key)) co_return;  // it is being settled
  RunningJobs::Busy busy(running_, key);
  const bool settled = co_await settle(key, delivery, owned.settlement);
  if (!settled) co_return;  // told to stop: at the next start
  const Result<void> written = co_await journal_.settled(key);
  if (!written) log::warning("a settlement was not recorded: " + written.error().text());
}

Task<void> JobFlow::hand_back(const OwnedJob& owned, Delivery delivery) {
  log::info("job " + owned.job.request.job_id + " goes back to queue " + owned.job.queue);
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
  const Finished finished = co_await finish(back.job, "", outcome, back.settlement);
  if (finished.on_record) co_await settle_owned(back, std::move(delivery));
}

}  // namespace rbit
