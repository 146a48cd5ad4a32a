#include "rbit/intake/presence.h"

#include <chrono>
#include <string>
#include <utility>

namespace rbit {

namespace {

constexpr int least_channels = 6;  // below that the queues share what there is
constexpr std::chrono::seconds pause(5);

}  // namespace

Presence::~Presence() {
  if (channel_) channel_->listen({});
}

void Presence::connected(const std::shared_ptr<amqp::Connection>& connection) {
  connection_ = connection;
  show();
}

void Presence::show() {
  const auto connection = connection_.lock();
  if (!connection || !connection->is_open() || connection->channel_max() < least_channels) return;
  if (channel_) channel_->listen({});
  channel_ = connection->new_channel();
  amqp::Channel::Events events;
  events.consumer_cancelled = [this](const std::string&) {
    channel_->close();
    timer_.expires_after(pause);
    timer_.async_wait([this](boost::system::error_code cancelled) {
      if (!cancelled) show();
    });
  };
  // Nobody should publish there; it is dropped.
  events.delivered = [weak = std::weak_ptr(channel_)](const amqp::Incoming& incoming) {
    if (const auto channel = weak.lock()) channel->settle(amqp::Settle{incoming.delivery_tag});
  };
  channel_->listen(std::move(events));
  amqp::DeclareQueue declare;
  declare.name = queue;
  declare.durable = false;
  declare.auto_delete = true;
  channel_->request(std::move(declare));
  channel_->request(amqp::SetPrefetch{1});
  channel_->request(amqp::Consume{queue, queue});
}

}  // namespace rbit
