#include "rbit/dispatch/patience.h"

#include <algorithm>

namespace rbit {

Backoff Patience::pauses() {
  return Backoff(std::chrono::milliseconds(200), std::chrono::seconds(10));
}

Task<void> Patience::pause(milliseconds time) {
  constexpr milliseconds slice{250};
  for (; time.count() > 0 && !ended_; time -= slice)
    co_await clock_.sleep_for(std::min(time, slice));
}

}  // namespace rbit
