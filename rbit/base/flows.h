#pragma once

#include <functional>
#include <utility>

#include "rbit/base/notice.h"

namespace rbit {

/// Coroutines of one owner that are under way, so that an orderly stop can wait for their end. On
/// the loop's thread.
class Flows {
 public:
  /// `on_end` is called whenever one has ended.
  Flows(
      const asio::any_io_executor& loop, std::function<void()> on_end = [] {})
      : loop_(loop), on_end_(std::move(on_end)), ended_(loop) {}

  /// Runs `flow` beside everything else; `what` as `spawn` has it.
  void start(Task<void> flow, const char* what) {
    ++count_;
    spawn(loop_, to_its_end(std::move(flow)), what);
  }
  /// The same for whoever waits for it.
  Task<void> run(Task<void> flow) {
    ++count_;
    return to_its_end(std::move(flow));
  }
  int count() const { return count_; }
  /// Notified when one has ended.
  Notice& ended() { return ended_; }
  Task<void> all_ended() {
    while (count_ > 0) co_await ended_.wait();
  }

 private:
  Task<void> to_its_end(Task<void> flow) {
    co_await std::move(flow);
    --count_;
    ended_.notify();
    on_end_();
  }

  asio::any_io_executor loop_;
  std::function<void()> on_end_;
  int count_ = 0;
  Notice ended_;
};

}  // namespace rbit
