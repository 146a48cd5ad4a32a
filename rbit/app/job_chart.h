#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>

#include "rbit/base/clock.h"
#include "rbit/core/job_observer.h"
#include "rbit/journal/history.h"

namespace rbit {

/// How many jobs came to which end in the last hours, and how long their last attempts took; in
/// memory alone, and not more of it for more jobs. On the loop's thread.
class JobChart : public JobObserver {
 public:
  static constexpr std::chrono::minutes step{5};
  static constexpr std::size_t steps = 72;  // six hours

  /// The clock outlives this.
  explicit JobChart(const Clock& clock) : clock_(clock) {}

  /// Adds what an earlier life did: the last thousands of its jobs.
  void fill_from(const History& history);
  void finished(const Job& job, const Outcome& outcome, std::optional<Status> told) override;

  /// {"step": seconds, "steps": how many there are, "ended": [[n, done, failed, cancelled, median,
  /// longest], ...]}: only those in which something ended, the oldest first. `n` counts steps since
  /// 1970; durations in microseconds, the median within a fifth.
  nlohmann::json to_json() const;

 private:
  static constexpr std::size_t classes = 160;  // of durations, each a fifth longer
  struct Step {
    std::int64_t n = -1;
    std::uint32_t done = 0, failed = 0, cancelled = 0;
    std::int64_t longest = 0;
    std::array<std::uint32_t, classes> durations{};
  };
  void add(std::int64_t when, Status status, std::int64_t micros);
  std::int64_t now() const;

  const Clock& clock_;
  std::array<Step, steps> ended_;
};

}  // namespace rbit
