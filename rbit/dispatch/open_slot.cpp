#include "rbit/dispatch/open_slot.h"

#include <algorithm>
#include <utility>

namespace rbit {

OpenSlot::OpenSlot(const asio::any_io_executor& loop, Clock& clock, std::function<void()> over)
    : clock_(clock), over_(std::move(over)), alarm_(loop, clock, [this] { close(); }) {}

bool OpenSlot::offer() {
  const SteadyTime now = clock_.steady();
  if (open_ || now < next_) return open_;
  open_ = true;
  alarm_.set(now + patience);
  return true;
}

void OpenSlot::taken() {
  if (!open_) return;
  open_ = false;
  alarm_.cancel();
  pause_ = shortest;
  next_ = clock_.steady() + pause_;
}

void OpenSlot::close() {
  open_ = false;
  pause_ = std::min(2 * pause_, longest);
  next_ = clock_.steady() + pause_;
  over_();
}

}  // namespace rbit
