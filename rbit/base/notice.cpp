#include "rbit/base/notice.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>

namespace rbit {

Notice::Notice(const asio::any_io_executor& loop)
    : timer_(loop, std::chrono::steady_clock::time_point::max()) {}

void Notice::notify() {
  timer_.cancel();
}

Task<void> Notice::wait() {
  boost::system::error_code cancelled;
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

Task<bool> Notice::wait_for(std::chrono::steady_clock::duration limit) {
  // The alarm's handler may run after this coroutine, and even the Notice, is gone.
  enum class State { waiting, expired, over };
  auto state = std::make_shared<State>(State::waiting);
  asio::steady_timer alarm(timer_.get_executor(), limit);
  alarm.async_wait([this, state](boost::system::error_code cancelled) {
    if (cancelled || *state != State::waiting) return;
    *state = State::expired;
    notify();
  });
  co_await wait();
  const bool in_time = *state != State::expired;
  *state = State::over;
  co_return in_time;
}

}  // namespace rbit
