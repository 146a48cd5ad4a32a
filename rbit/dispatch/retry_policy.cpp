#include "rbit/dispatch/retry_policy.h"

#include <algorithm>

namespace rbit {

Settlement RetryPolicy::decide(const Outcome& outcome, const Job& job) const {
  const int tries = std::max(1, job.attempt - job.crashes);  // our own deaths are not the job's
  switch (outcome.kind) {
    case Outcome::Kind::done:
    case Outcome::Kind::cancelled:
      return Settlement::accept();
    case Outcome::Kind::failed:
      return Settlement::dead_letter(outcome.reason, job.attempt);
    case Outcome::Kind::blocked:
      return again_or_dead(job.attempt, tries, outcome.reason, attempts_);
    case Outcome::Kind::crashed:
    case Outcome::Kind::timed_out:
    case Outcome::Kind::not_started:
      return again_or_dead(job.attempt, tries, outcome.reason, std::min(attempts_, crash_attempts));
    case Outcome::Kind::interrupted:
      break;
  }
  return Settlement::requeue(job.attempt);
}

Settlement RetryPolicy::again_or_dead(int attempt, int tries, std::string reason, int limit) const {
  if (tries >= limit) return Settlement::dead_letter(std::move(reason), attempt);
  std::chrono::milliseconds delay = std::min(delay_, ceiling_);
  for (int i = 1; i < tries && delay < ceiling_; ++i) delay = std::min(delay * 2, ceiling_);
  return Settlement::retry(delay, attempt + 1, std::move(reason));
}

Status status_of(const Outcome& outcome, const Settlement& settlement) {
  switch (settlement.kind) {
    case Settlement::Kind::retry:
      return Status::blocked;
    case Settlement::Kind::dead_letter:
      return Status::failed;
    case Settlement::Kind::requeue:
      return Status::waiting;
    case Settlement::Kind::accept:
      break;
  }
  if (outcome.kind == Outcome::Kind::failed) return Status::failed;  // at its front-end
  return outcome.kind == Outcome::Kind::cancelled ? Status::cancelled : Status::done;
}

}  // namespace rbit
