#pragma once

#include <chrono>
#include <functional>

#include "rbit/base/alarm.h"

namespace rbit {

/// Sees to it that queues that have messages here ahead of the slots do not starve those that share
/// the slots and may have none: now and then the last free slot is left open for these, so that one
/// of theirs can come. Seldom while nothing comes. On the loop's thread.
class OpenSlot {
 public:
  /// `over` is called when nobody came.
  OpenSlot(const asio::any_io_executor& loop, Clock& clock, std::function<void()> over);

  /// Somebody who could not begin so far might want the last free slot: whether it is his for now.
  bool offer();
  bool is_open() const { return open_; }
  /// Somebody came.
  void taken();

 private:
  void close();

  static constexpr std::chrono::milliseconds shortest{100}, longest{1'000};  // between two
  static constexpr std::chrono::milliseconds patience{5};  // a broker's answer takes less

  Clock& clock_;
  std::function<void()> over_;
  Alarm alarm_;
  bool open_ = false;
  std::chrono::milliseconds pause_ = shortest;
  SteadyTime next_{};
};

}  // namespace rbit
