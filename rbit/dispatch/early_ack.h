#pragma once

#include <functional>
#include <optional>
#include <string>

#include "rbit/base/alarm.h"
#include "rbit/base/clock.h"
#include "rbit/core/journal.h"
#include "rbit/dispatch/ledger.h"

namespace rbit {

/// Acknowledges the messages of long jobs before the broker loses patience (rbit/doc/order.rst,
/// ack-after): `ack-after` after its delivery a job is put on record as ours, and then its message
/// is acknowledged. From then on the journal alone stands for the job. On the loop's thread.
class EarlyAck {
 public:
  /// `journal_failed` hears of a claim that could not be written; it is tried again.
  EarlyAck(const asio::any_io_executor& loop, Clock& clock, Journal& journal, Ledger& ledger,
           std::function<void(const Error&)> journal_failed);

  /// What the broker was found to allow; it counts where `ack_after` of a job is longer.
  void set_limit(std::optional<milliseconds> limit);

  /// A job has begun, or a message has joined it.
  void watch(const RunningJob& job);

 private:
  /// When the job's messages must be acknowledged; none: only at its end, or not now.
  std::optional<SteadyTime> due(const RunningJob& job) const;
  void claim_the_due();
  Task<void> claim(std::string key);
  static Task<void> acknowledge_all(RunningJob& job);

  asio::any_io_executor loop_;
  Clock& clock_;
  Journal& journal_;
  Ledger& ledger_;
  std::function<void(const Error&)> journal_failed_;
  std::optional<milliseconds> limit_;
  Alarm alarm_;
};

}  // namespace rbit
