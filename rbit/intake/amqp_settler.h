#pragma once

#include <cstdint>
#include <memory>

#include "rbit/base/amqp_channel.h"
#include "rbit/core/delivery.h"
#include "rbit/intake/amqp_reader.h"

namespace rbit {

/// Settles one delivery on the channel it came on. That channel is its epoch: closed, for whatever
/// reason, the delivery is void, and nothing of it can reach another channel, where its tag would
/// mean another message (R5).
class AmqpSettler : public Settler {
 public:
  /// `consumer` is none if the message was got.
  AmqpSettler(std::shared_ptr<AmqpReader> reader, std::shared_ptr<amqp::Channel> channel,
              std::shared_ptr<AmqpReader::Consumer> consumer, std::uint64_t tag);

  Task<Result<void>> settle(const Message& message, const Settlement& settlement) override;
  bool is_void() const override {
    return !channel_->is_open() || (consumer_ && consumer_->withdrawn);
  }
  void give_back() override;

 private:
  Task<Result<void>> tell_broker(const Message& message, amqp::Settle::Kind kind);

  std::shared_ptr<AmqpReader> reader_;
  std::shared_ptr<amqp::Channel> channel_;
  std::shared_ptr<AmqpReader::Consumer> consumer_;
  std::uint64_t tag_;
};

}  // namespace rbit
