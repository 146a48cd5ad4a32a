#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "rbit/core/job.h"
#include "rbit/core/outcome.h"
#include "rbit/core/runner_policy.h"
#include "rbit/core/settlement.h"
#include "rbit/core/status.h"

namespace rbit {

/// Turns how an attempt ended into what becomes of the message, and into what the world is told.
class RetryPolicy {
 public:
  /// A job that crashed, ran out of time or could not start is tried once more, not `attempts`
  /// times: it rarely gets better, and costs a whole build each time.
  static constexpr int crash_attempts = 2;
  /// A job or message of which rbit itself died this often within 72 h is not tried again.
  static constexpr int poison_crashes = 3;
  /// The same before the job was started, which is no fault of the job's; but rbit must not die of
  /// one message for ever.
  static constexpr int poison_starts = 10;

  explicit RetryPolicy(const RunnerPolicy& policy)
      : attempts_(policy.attempts), delay_(policy.retry_delay), ceiling_(policy.retry_ceiling) {}

  Settlement decide(const Outcome& outcome, const Job& job) const;

  /// Puts a job back that did not begin and is looked at again: this attempt is still to come.
  Settlement put_back(const Job& job, std::string reason) const {
    return Settlement::retry(std::min(delay_, ceiling_), job.attempt, std::move(reason));
  }
  /// For a message that does not fit, as often as for a job that is blocked.
  Settlement again_or_dead(int attempt, std::string reason) const {
    return again_or_dead(attempt, attempt, std::move(reason), attempts_);
  }
  int attempts() const { return attempts_; }

 private:
  /// `tries`: the attempts that count.
  Settlement again_or_dead(int attempt, int tries, std::string reason, int limit) const;

  int attempts_;
  std::chrono::milliseconds delay_, ceiling_;
};

/// The status that tells of `outcome` settled so. REQUIRES: not interrupted.
Status status_of(const Outcome& outcome, const Settlement& settlement);

}  // namespace rbit
