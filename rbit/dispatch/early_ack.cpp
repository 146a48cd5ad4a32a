#include "rbit/dispatch/early_ack.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "rbit/base/failpoint.h"
#include "rbit/base/text.h"
#include "rbit/core/job_facts.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {
constexpr milliseconds claim_pause{5'000};  // until a claim that was not written is tried again
}

void EarlyAck::set_limit(std::optional<milliseconds> limit) {
  limit_ = limit;
  claim_the_due();
}

void EarlyAck::watch(const RunningJob& job) {
  const auto moment = due(job);
  if (!moment) return;
  if (*moment > context_.clock.steady())
    alarm_.set(*moment);
  else
    spawn(context_.loop, claim(job.job.key, false), "early acknowledgement");
}

std::optional<SteadyTime> EarlyAck::due(const RunningJob& job) const {
  if (!job.ack_after || job.job.owned || job.claiming || job.has_verdict) return std::nullopt;
  // One whose connection was lost waits for its redelivery: there is nothing to acknowledge.
  const bool live = std::any_of(job.deliveries.begin(), job.deliveries.end(),
                                [](const Delivery& one) { return !one.is_void(); });
  if (!live) return std::nullopt;
  return job.received + std::min(*job.ack_after, limit_.value_or(*job.ack_after));
}

void EarlyAck::claim_the_due() {
  std::vector<std::string> keys;  // a claim may end a job
  for (const auto& [key, job] : context_.ledger.all_running()) {
    const auto moment = due(*job);
    if (moment && *moment <= context_.clock.steady()) keys.push_back(key);
    if (moment && *moment > context_.clock.steady()) alarm_.set(*moment);
  }
  for (std::string& key : keys)
    spawn(context_.loop, claim(std::move(key), false), "early acknowledgement");
}

void EarlyAck::claim_all() {
  for (const auto& [key, job] : context_.ledger.all_running())
    if (job->under_way && job->ack_after)
      spawn(context_.loop, claim(key, true), "acknowledgement at a hand-over");
}

/// `is_due`: whatever `due` says.
Task<void> EarlyAck::claim(std::string key, bool is_due) {
  RunningJob* job = context_.ledger.running(key);
  if (job == nullptr || !(is_due || due(*job))) co_return;
  if (job->job.owned || job->claiming || job->has_verdict) co_return;
  job->claiming = true;  // the job's flow waits for us, so it stays
  failpoint("A1.before");
  const Result<void> written = co_await context_.journal.own(job->job);
  if (written) {
    job->job.owned = true;
    failpoint("A1.claimed");
    log::info("job " + job->job.name() + " is on record as ours, " + "its message is acknowledged",
              facts_of(job->job));
    co_await acknowledge_all(*job);
    failpoint("A1.acknowledged");
  } else {
    context_.journal_watch.failed(written.error());
    alarm_.set(context_.clock.steady() + claim_pause);
  }
  job->claiming = false;
  job->claimed.notify();
}

/// Leaves one delivery: the duty to make a copy, should the verdict want one.
Task<void> EarlyAck::acknowledge_all(RunningJob& job) {
  std::optional<Delivery> duty;
  while (!job.deliveries.empty()) {  // others may join meanwhile
    Delivery delivery = std::move(job.deliveries.back());
    job.deliveries.pop_back();
    const Result<void> done = co_await delivery.acknowledge();
    if (!done)
      log::debug("an early acknowledgement may be lost: " + done.error().text(), facts_of(job.job));
    if (!duty) duty = std::move(delivery);
  }
  if (duty) job.deliveries.push_back(std::move(*duty));
}

}  // namespace rbit
