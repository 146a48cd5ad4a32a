#pragma once

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <optional>
#include <vector>

#include "rbit/base/clock.h"

namespace rbit::test {

/// A clock that stands still until the test moves it. Who sleeps goes on, on the loop, once the
/// clock has reached the end of its pause; a cancelled sleeper goes on at once, as with the real
/// one. Must outlive its sleepers.
class ManualClock : public Clock {
 public:
  /// 2013-04-30 11:48:53 UTC.
  static constexpr std::int64_t start_seconds = 1367322533;

  WallTime wall() const override { return wall_; }
  SteadyTime steady() const override { return steady_; }

  Task<void> sleep_for(milliseconds pause) override {
    if (pause <= milliseconds{0}) co_return;
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer bell(executor, SteadyTime::max());  // never expires: `advance` cancels it
    Sleeper sleeper{steady_ + pause, &bell};
    const Bed bed(*this, sleeper);
    boost::system::error_code rung;
    co_await bell.async_wait(asio::redirect_error(asio::use_awaitable, rung));
  }

  /// Moves both times on; whoever is due goes on at the loop's next turn.
  void advance(milliseconds by) {
    wall_ += by;
    steady_ += by;
    for (Sleeper* sleeper : sleepers_)
      if (sleeper->until <= steady_) sleeper->bell->cancel();
  }
  /// Whoever sleeps now belongs to a process that died: time will not wake them.
  void bury() {
    buried_.insert(buried_.end(), sleepers_.begin(), sleepers_.end());
    sleepers_.clear();
  }
  /// They go on all the same, so that their frames end before what they refer to does.
  void raise_the_buried() {
    for (Sleeper* sleeper : buried_) sleeper->bell->cancel();
  }
  /// To the end of the shortest pause; false if nobody sleeps.
  bool advance_to_next() {
    const auto pause = next_pause();
    if (pause) advance(*pause);
    return pause.has_value();
  }
  /// The wall clock alone jumps, as when somebody sets it.
  void jump(milliseconds by) { wall_ += by; }

  std::size_t sleepers() const { return sleepers_.size(); }
  /// What is left of the shortest pause.
  std::optional<milliseconds> next_pause() const {
    if (sleepers_.empty()) return std::nullopt;
    const auto first =
        std::min_element(sleepers_.begin(), sleepers_.end(),
                         [](const Sleeper* a, const Sleeper* b) { return a->until < b->until; });
    return std::max(milliseconds{0}, std::chrono::ceil<milliseconds>((*first)->until - steady_));
  }

 private:
  struct Sleeper {
    SteadyTime until;
    asio::steady_timer* bell;
  };
  /// In the list for as long as the sleeper's frame lives, however it ends.
  struct Bed {
    Bed(ManualClock& of, Sleeper& one) : clock(of), sleeper(&one) {
      clock.sleepers_.push_back(sleeper);
    }
    ~Bed() {
      std::erase(clock.sleepers_, sleeper);
      std::erase(clock.buried_, sleeper);
    }
    Bed(const Bed&) = delete;
    Bed& operator=(const Bed&) = delete;
    ManualClock& clock;
    Sleeper* sleeper;
  };

  WallTime wall_ = from_micros(start_seconds * 1'000'000);
  SteadyTime steady_ = SteadyTime{} + std::chrono::hours(1);
  std::vector<Sleeper*> sleepers_, buried_;
};

}  // namespace rbit::test
