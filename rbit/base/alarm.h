#pragma once

#include <functional>
#include <memory>

#include "rbit/base/clock.h"
#include "rbit/base/task.h"

namespace rbit {

/// Calls `ring` once when the clock reaches a moment; one moment at a time. On the loop's thread.
/// Destroyed or cancelled, it never rings.
class Alarm {
 public:
  Alarm(asio::any_io_executor loop, Clock& clock, std::function<void()> ring);
  ~Alarm() { cancel(); }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  /// Rings at `at`, or earlier if it was set to an earlier moment and has not rung yet.
  void set(SteadyTime at);
  void cancel();

 private:
  struct Pending;
  asio::any_io_executor loop_;
  Clock& clock_;
  std::function<void()> ring_;
  std::shared_ptr<Pending> pending_;
};

}  // namespace rbit
