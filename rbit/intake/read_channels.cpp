#include "rbit/intake/read_channels.h"

#include <algorithm>

namespace rbit {

namespace {
constexpr int most_reserved = 4;
}

Task<std::shared_ptr<ReadChannel>> ReadChannels::take(std::shared_ptr<amqp::Connection> connection,
                                                      bool in_trouble) {
  forget_old(connection);
  const int reserved = std::min(most_reserved, std::max(others_, connection->channel_max() / 2));
  const bool refuge =
      std::any_of(all_.begin(), all_.end(), [](const One& one) { return one.in_trouble; });
  const int used = static_cast<int>(all_.size()) + opening_ - (refuge ? 1 : 0);
  const bool room = used < connection->channel_max() - reserved;
  // One channel of the reserve is for queues in trouble, all of them together.
  if (room || (in_trouble && !refuge && reserved > others_)) {
    ++opening_;
    const auto channel = co_await connection->channel_when_free();
    --opening_;
    opened_.notify();
    if (!channel->is_open()) co_return nullptr;
    const auto made = ReadChannel::on(channel);
    forget_old(connection);
    all_.push_back({made, !room});
    co_return made;
  }
  while (all_.empty() && opening_ > 0) co_await opened_.wait();
  co_return shared(in_trouble);
}

void ReadChannels::forget_old(const std::shared_ptr<amqp::Connection>& connection) {
  if (connection_.lock() != connection) all_.clear();
  connection_ = connection;
  std::erase_if(all_, [](const One& one) {
    const auto channel = one.channel.lock();
    return !channel || !channel->channel().is_open();
  });
}

/// The one with the fewest queues, of those that are all in trouble, or all well, if there is one.
std::shared_ptr<ReadChannel> ReadChannels::shared(bool in_trouble) const {
  std::shared_ptr<ReadChannel> best;
  bool best_fits = false;
  for (const One& one : all_) {
    const auto channel = one.channel.lock();
    const bool fits = one.in_trouble == in_trouble;
    if (best && (best_fits != fits ? best_fits : best->members() <= channel->members())) continue;
    best = channel;
    best_fits = fits;
  }
  return best;
}

}  // namespace rbit
