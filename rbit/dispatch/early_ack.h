#pragma once

#include <optional>
#include <string>

#include "rbit/base/alarm.h"
#include "rbit/dispatch/dispatch_context.h"

namespace rbit {

/// Acknowledges the messages of long jobs before the broker loses patience (rbit/doc/order.rst,
/// ack-after): `ack-after` after its delivery a job is put on record as ours, and then its message
/// is acknowledged. From then on the journal alone stands for the job. On the loop's thread.
class EarlyAck {
 public:
  explicit EarlyAck(DispatchContext& context)
      : context_(context), alarm_(context.loop, context.clock, [this] { claim_the_due(); }) {}

  /// What the broker was found to allow; it counts where `ack_after` of a job is longer.
  void set_limit(std::optional<milliseconds> limit);

  /// A job has begun, or a message has joined it.
  void watch(const RunningJob& job);

  /// Claims all that run and may be claimed, now: those too whose message is at the broker again.
  void claim_all();

 private:
  /// When the job's messages must be acknowledged; none: only at its end, or not now.
  std::optional<SteadyTime> due(const RunningJob& job) const;
  void claim_the_due();
  Task<void> claim(std::string key, bool is_due);
  static Task<void> acknowledge_all(RunningJob& job);

  DispatchContext& context_;
  std::optional<milliseconds> limit_;
  Alarm alarm_;
};

}  // namespace rbit
