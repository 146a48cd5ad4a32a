#include "rbit/dispatch/backlog.h"

#include <algorithm>
#include <utility>

namespace rbit {

void Backlog::add(std::string key, std::string queue, std::string runner, SteadyTime due) {
  const auto [entry, fresh] =
      waiting_.emplace(key, Entry{std::move(queue), std::move(runner), due});
  if (!fresh) return;
  by_due_.emplace(due, std::move(key));
  ++by_queue_[entry->second.queue];
}

void Backlog::leaves(const std::string& queue) {
  const auto count = by_queue_.find(queue);
  if (--count->second == 0) by_queue_.erase(count);
}

std::optional<Backlog::Taken> Backlog::take(SteadyTime now, const Fits& fits) {
  for (auto at = by_due_.begin(); at != by_due_.end() && at->first <= now; ++at) {
    const auto entry = waiting_.find(at->second);
    if (!fits(entry->first, entry->second.queue, entry->second.runner)) continue;
    Taken taken{std::move(at->second), std::move(entry->second.queue),
                std::move(entry->second.runner)};
    waiting_.erase(entry);
    by_due_.erase(at);
    leaves(taken.queue);
    return taken;
  }
  return std::nullopt;
}

std::vector<std::string> Backlog::keys() const {
  std::vector<std::string> keys;
  for (const auto& [key, entry] : waiting_) keys.push_back(key);
  return keys;
}

void Backlog::remove(const std::string& key) {
  const auto entry = waiting_.find(key);
  if (entry == waiting_.end()) return;
  const auto [first, last] = by_due_.equal_range(entry->second.due);
  by_due_.erase(std::find_if(first, last, [&](const auto& one) { return one.second == key; }));
  leaves(entry->second.queue);
  waiting_.erase(entry);
}

std::optional<SteadyTime> Backlog::next_due(SteadyTime now) const {
  const auto next = by_due_.upper_bound(now);
  if (next == by_due_.end()) return std::nullopt;
  return next->first;
}

}  // namespace rbit
