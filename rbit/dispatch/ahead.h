#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "rbit/base/alarm.h"
#include "rbit/core/delivery.h"
#include "rbit/dispatch/allowance.h"
#include "rbit/dispatch/ledger.h"

namespace rbit {

/// Messages that are here ahead of a slot of their runner, so that a short job need not wait for
/// the broker when the one before it is over. They are in memory only, unread and on no record: the
/// broker has them until they begin. One that waits for longer than `patience` shows that a job
/// turned out long; then all of its runner go back, for another rbit may have a slot for them. On
/// the loop's thread.
class Ahead {
 public:
  static constexpr std::chrono::milliseconds patience{250};

  /// `ended` is called when a runner has none any more that may be ahead, right before its messages
  /// go back: they would come again.
  Ahead(const asio::any_io_executor& loop, Clock& clock, Ledger& ledger,
        std::function<void()> ended);

  /// REQUIRES, of what is asked later: the runner was added. Added again, it may have other limits.
  void add_runner(const std::string& runner, int most) {
    Allowance& allowance = runners_[runner].allowance;
    if (allowance.most() != most) allowance = Allowance(most);
  }
  /// A job of it has ended.
  void note_job(const std::string& runner, std::chrono::microseconds took) {
    if (const auto its = runners_.find(runner); its != runners_.end())
      its->second.allowance.note(took);
  }
  /// How many may be ahead where the runner has so many slots.
  int allowance(const std::string& runner, int slots) {
    return runners_.at(runner).allowance.with(slots);
  }
  int most(const std::string& runner) const { return runners_.at(runner).allowance.most(); }

  int count(const std::string& runner) const { return runners_.at(runner).count; }
  int count() const { return count_; }

  /// Keeps it for its turn. The broker has those again whose connection is lost: they leave.
  void add(const std::string& runner, Delivery delivery);
  /// The queue whose turn it is, of those that `may_begin`, and its first message, which leaves.
  using MayBegin = std::function<bool(const std::string& runner)>;
  std::optional<Delivery> next(const MayBegin& may_begin);

  /// The runners of which some went back or may be ahead no more, since this was
  /// asked last.
  std::set<std::string> take_touched() { return std::exchange(touched_, {}); }

  /// They go back, in their order.
  void give_back_runner(const std::string& runner);
  bool give_back_queue(const std::string& queue);  // true: it had some
  void give_back_all();

 private:
  struct Waiting {
    Delivery delivery;
    SteadyTime since;
  };
  struct Share {  // of a runner
    Allowance allowance;
    int count = 0;
  };
  struct Line {
    std::string queue;
    Share* share;
    std::string runner;
    std::deque<Waiting> messages;  // one or more
  };

  Line& line_of(const std::string& queue, const std::string& runner);
  void leave(Line& line);
  void drop_void(Line& line);
  void give_back(const std::function<bool(const Line&)>& which);
  void look_for_the_late();

  Clock& clock_;
  Ledger& ledger_;
  std::function<void()> ended_;
  std::map<std::string, Share> runners_;
  std::deque<Line> lines_;  // whose turn it is comes first
  int count_ = 0;
  std::set<std::string> touched_;
  Alarm alarm_;  // when the first one has waited too long
};

}  // namespace rbit
