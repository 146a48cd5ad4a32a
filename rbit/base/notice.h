#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "rbit/base/task.h"

namespace rbit {

/// Something coroutines of the loop wait for: `notify` wakes all that wait at that moment.
/// It remembers nothing; wait in a loop that tests the condition. Must outlive its waiters.
class Notice {
 public:
  explicit Notice(const asio::any_io_executor& loop);
  Notice(const Notice&) = delete;
  Notice& operator=(const Notice&) = delete;

  void notify();
  Task<void> wait();
  /// False if `limit` passed first.
  Task<bool> wait_for(std::chrono::steady_clock::duration limit);

 private:
  asio::steady_timer timer_;  // never expires: cancelling it is the notification
};

}  // namespace rbit
