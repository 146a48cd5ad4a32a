#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "rbit/base/alarm.h"
#include "rbit/base/notice.h"
#include "rbit/core/delivery.h"
#include "rbit/dispatch/slots.h"

namespace rbit {

/// Messages of queues with a route that wait here for a slot of the runner that it named: only who
/// has a message knows whose it is. In memory only; the broker has them until they begin, and after
/// `patience` again, for another rbit may have a slot for them. On the loop's thread.
class SlotQueue {
 public:
  static constexpr std::chrono::seconds patience{60};

  /// `changed` is called when one has come, before it waits.
  SlotQueue(const asio::any_io_executor& loop, Clock& clock, std::function<void()> changed)
      : loop_(loop),
        clock_(clock),
        changed_(std::move(changed)),
        alarm_(loop, clock, [this] { look(); }) {}

  /// A message that has come, as long as nobody knows whose it is. Dropped, that is known.
  class Coming {
   public:
    Coming() = default;
    Coming(SlotQueue& all, std::string queue) : all_(&all), queue_(std::move(queue)) {
      ++all.coming_[queue_];
    }
    Coming(Coming&& other) noexcept
        : all_(std::exchange(other.all_, nullptr)), queue_(std::move(other.queue_)) {}
    Coming& operator=(Coming&&) = delete;
    ~Coming() {
      if (all_ != nullptr) all_->came(queue_);
    }

   private:
    SlotQueue* all_ = nullptr;
    std::string queue_;
  };

  /// Its slot, when `serve` has one for it. Null: it is to go back. `delivery` stays where it is.
  Task<Slot> wait(std::string runner, const Delivery& delivery, std::optional<Coming> coming);

  int size() const { return static_cast<int>(waiting_.size()); }
  /// How many are here of that queue.
  int of_queue(const std::string& queue) const;
  /// How many of them are coming.
  int coming(const std::string& queue) const;
  /// The queues of which that has changed since this was asked.
  void touch(const std::string& queue) { touched_.insert(queue); }
  std::set<std::string> take_touched() { return std::exchange(touched_, {}); }

  /// Gives out what `take` gives: a slot of that runner, or null.
  void serve(const std::function<Slot(const std::string& runner)>& take);
  void give_back_queue(const std::string& queue);
  void give_back_all();

 private:
  struct Waiting {
    Waiting(const asio::any_io_executor& loop, std::string its_runner, const Delivery& its)
        : runner(std::move(its_runner)), delivery(its), changed(loop) {}
    std::string runner;
    const Delivery& delivery;
    SteadyTime until{};
    Slot slot;
    bool is_over = false;
    Notice changed;
  };
  void came(const std::string& queue);
  void look();
  void end(const std::function<bool(const Waiting&)>& which);

  asio::any_io_executor loop_;
  Clock& clock_;
  std::function<void()> changed_;
  std::list<Waiting> waiting_;         // the first came first
  std::map<std::string, int> coming_;  // by queue
  std::set<std::string> touched_;
  Alarm alarm_;  // while some wait
};

}  // namespace rbit
