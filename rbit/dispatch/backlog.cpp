#include "rbit/dispatch/backlog.h"

#include <utility>

namespace rbit {

void Backlog::add(std::string key, std::string queue, SteadyTime due) {
  const auto [entry, fresh] = waiting_.emplace(key, Entry{std::move(queue), due});
  if (fresh) by_due_.emplace(due, std::move(key));
}

std::optional<std::string> Backlog::take(
    SteadyTime now, const std::function<bool(const std::string& queue)>& fits) {
  for (auto at = by_due_.begin(); at != by_due_.end() && at->first <= now; ++at) {
    const auto entry = waiting_.find(at->second);
    if (!fits(entry->second.queue)) continue;
    std::string key = std::move(at->second);
    waiting_.erase(entry);
    by_due_.erase(at);
    return key;
  }
  return std::nullopt;
}

std::optional<SteadyTime> Backlog::next_due(SteadyTime now) const {
  const auto next = by_due_.upper_bound(now);
  if (next == by_due_.end()) return std::nullopt;
  return next->first;
}

}  // namespace rbit
