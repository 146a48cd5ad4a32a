#include "rbit/app/queue_rates.h"

#include <algorithm>

namespace rbit {

void QueueRates::finished(const Job& job, const Outcome&, std::optional<Status> told) {
  if (!told || !is_final(*told)) return;
  const std::int64_t present = now();
  Ended& ended = by_queue_[job.queue][static_cast<std::size_t>(present) % steps];
  if (ended.when != present) ended = {present, 0};
  ++ended.jobs;
}

double QueueRates::per_minute(const std::string& queue) const {
  const auto found = by_queue_.find(queue);
  if (found == by_queue_.end()) return 0;
  const std::int64_t present = now();
  std::uint64_t jobs = 0;
  for (const Ended& one : found->second)
    if (one.when >= 0 && one.when > present - static_cast<std::int64_t>(steps)) jobs += one.jobs;
  const std::chrono::duration<double, std::ratio<60>> since = clock_.steady() - begun_;
  const double whole = static_cast<double>(window.count());
  // Of the first seconds nothing can be said that would be true for a minute.
  return static_cast<double>(jobs) / std::clamp(since.count(), 1.0, whole);
}

}  // namespace rbit
