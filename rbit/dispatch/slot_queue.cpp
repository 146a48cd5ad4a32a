#include "rbit/dispatch/slot_queue.h"

#include <algorithm>
#include <set>
#include <utility>

namespace rbit {

namespace {
// A message whose connection is lost comes again; until then its place here is looked at this
// often.
constexpr std::chrono::seconds look_pause{1};
}  // namespace

Task<Slot> SlotQueue::wait(std::string runner, const Delivery& delivery,
                           std::optional<Coming> coming) {
  const auto its = waiting_.emplace(waiting_.end(), loop_, std::move(runner), delivery);
  its->until = clock_.steady() + patience;
  alarm_.set(clock_.steady() + look_pause);
  coming.reset();
  touched_.insert(delivery.message().queue);
  changed_();
  while (!its->is_over) co_await its->changed.wait();
  Slot slot = std::move(its->slot);
  touched_.insert(delivery.message().queue);
  waiting_.erase(its);
  if (slot == nullptr) changed_();
  co_return slot;
}

int SlotQueue::of_queue(const std::string& queue) const {
  return coming(queue) +
         static_cast<int>(std::count_if(waiting_.begin(), waiting_.end(), [&](const Waiting& one) {
           return !one.is_over && !one.delivery.is_void() && one.delivery.message().queue == queue;
         }));
}

int SlotQueue::coming(const std::string& queue) const {
  const auto its = coming_.find(queue);
  return its == coming_.end() ? 0 : its->second;
}

void SlotQueue::came(const std::string& queue) {
  const auto its = coming_.find(queue);
  if (--its->second == 0) coming_.erase(its);
  touched_.insert(queue);
  changed_();
}

void SlotQueue::serve(const std::function<Slot(const std::string& runner)>& take) {
  std::set<std::string> without;  // runners that have no slot now
  for (Waiting& one : waiting_) {
    if (one.is_over || one.delivery.is_void() || without.contains(one.runner)) continue;
    one.slot = take(one.runner);
    one.is_over = one.slot != nullptr;
    if (one.is_over)
      one.changed.notify();
    else
      without.insert(one.runner);
  }
}

void SlotQueue::look() {
  const SteadyTime now = clock_.steady();
  end([now](const Waiting& one) { return one.delivery.is_void() || one.until <= now; });
  if (size() > 0) alarm_.set(now + look_pause);
}

void SlotQueue::end(const std::function<bool(const Waiting&)>& which) {
  for (Waiting& one : waiting_)
    if (!one.is_over && which(one)) {
      one.is_over = true;
      one.changed.notify();
    }
}

void SlotQueue::give_back_queue(const std::string& queue) {
  end([&](const Waiting& one) { return one.delivery.message().queue == queue; });
}

void SlotQueue::give_back_all() {
  end([](const Waiting&) { return true; });
}

}  // namespace rbit
