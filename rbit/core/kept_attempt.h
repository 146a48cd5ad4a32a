#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "rbit/base/task.h"
#include "rbit/core/outcome.h"
#include "rbit/core/runner.h"
#include "rbit/core/status.h"

namespace rbit {

/// A status that a kept attempt reports of itself.
struct KeptStatus {
  Status status = Status::building;
  std::string message;
};
/// It is over, or whoever kept it is gone: `KeptAttempt::outcome` tells.
struct KeptEnd {};
/// We shall follow it no longer: it is our successor's.
struct KeptElsewhere {};
using KeptNews = std::variant<Progress, MetricChange, KeptStatus, KeptEnd, KeptElsewhere>;

/// An attempt that an earlier rbit began and still runs, after it handed its work over to us
/// (rbit/doc/order.rst, hand-over). On the loop's thread.
class KeptAttempt {
 public:
  virtual ~KeptAttempt() = default;

  /// Waits for it. After the last two nothing comes.
  virtual Task<KeptNews> next() = 0;
  /// Passes on that somebody wants its end.
  virtual void stop(StopKind kind) = 0;
  /// After KeptEnd: how it ended. None: the record has no verdict, as after a crash, and then the
  /// record is gone.
  virtual Task<std::optional<Outcome>> outcome() = 0;
  /// The outcome is on record in the journal: the leader's record is needed no more.
  virtual void discard_record() = 0;
  virtual const std::string& record_dir() const = 0;
  /// The process that runs it.
  virtual std::int64_t keeper() const = 0;
};

}  // namespace rbit
