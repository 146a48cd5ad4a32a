#pragma once

#include <chrono>
#include <cstddef>
#include <deque>

namespace rbit {

/// Counts what happens within a sliding span of time: tells an accident from a habit.
class Recent {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Recent(std::size_t limit, std::chrono::steady_clock::duration span)
      : limit_(limit), span_(span) {}

  /// It happened once more; true, and counted from nothing again, if that is the `limit`th time
  /// within the span.
  bool note(Time now) {
    while (!times_.empty() && now - times_.front() > span_) times_.pop_front();
    times_.push_back(now);
    if (times_.size() < limit_) return false;
    times_.clear();
    return true;
  }

 private:
  std::size_t limit_;
  std::chrono::steady_clock::duration span_;
  std::deque<Time> times_;
};

}  // namespace rbit
