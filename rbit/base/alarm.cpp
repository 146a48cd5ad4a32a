#include "rbit/base/alarm.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

namespace rbit {

/// Outlives the Alarm, in the sleeper's handler, for as long as that takes to wake up and end.
struct Alarm::Pending {
  SteadyTime at;
  bool over = false;  // rung or cancelled: the handler must not touch the Alarm
  asio::cancellation_signal signal;
};

Alarm::Alarm(asio::any_io_executor loop, Clock& clock, std::function<void()> ring)
    : loop_(std::move(loop)), clock_(clock), ring_(std::move(ring)) {}

void Alarm::set(SteadyTime at) {
  if (pending_ && pending_->at <= at) return;
  cancel();
  auto pending = std::make_shared<Pending>();
  pending->at = at;
  pending_ = pending;
  // One millisecond at least: what is due at once is no matter for a clock.
  const auto pause =
      std::max(milliseconds{1}, std::chrono::ceil<milliseconds>(at - clock_.steady()));
  asio::co_spawn(
      loop_, clock_.sleep_for(pause),
      asio::bind_cancellation_slot(pending->signal.slot(), [this, pending](std::exception_ptr) {
        if (pending->over) return;
        pending->over = true;
        pending_.reset();
        ring_();
      }));
}

void Alarm::cancel() {
  if (!pending_) return;
  const auto pending = std::move(pending_);
  pending_.reset();
  pending->over = true;
  pending->signal.emit(asio::cancellation_type::terminal);
}

}  // namespace rbit
