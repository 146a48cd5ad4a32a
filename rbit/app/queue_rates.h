#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "rbit/base/clock.h"
#include "rbit/core/job_observer.h"

namespace rbit {

/// How many jobs of each queue came to their end lately; in memory alone, and not more of it for
/// more jobs. On the loop's thread.
class QueueRates : public JobObserver {
 public:
  static constexpr std::chrono::minutes window{5};

  /// The clock outlives this.
  explicit QueueRates(const Clock& clock) : clock_(clock), begun_(clock.steady()) {}

  void finished(const Job& job, const Outcome& outcome, std::optional<Status> told) override;
  /// Jobs a minute, over the window or, if that is shorter, since the start.
  double per_minute(const std::string& queue) const;

 private:
  static constexpr std::chrono::seconds step{10};
  static constexpr std::size_t steps = window / step;
  struct Ended {
    std::int64_t when = -1;  // steps since the start
    std::uint64_t jobs = 0;
  };
  std::int64_t now() const { return (clock_.steady() - begun_) / step; }

  const Clock& clock_;
  SteadyTime begun_;
  std::map<std::string, std::array<Ended, steps>> by_queue_;
};

}  // namespace rbit
