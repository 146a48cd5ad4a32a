#pragma once

#include <cstdint>
#include <memory>

#include "rbit/core/delivery.h"
#include "rbit/intake/amqp_reader.h"

namespace rbit {

/// Settles one delivery on the channel it came on. That channel is its epoch: closed, for whatever
/// reason, the delivery is void, and nothing of it can reach another channel, where its tag would
/// mean another message. Acknowledged early, it needs no channel any more: only copies are left to
/// make.
class AmqpSettler : public Settler {
 public:
  /// `consumer` is none if the message was got.
  AmqpSettler(std::shared_ptr<AmqpReader> reader, std::shared_ptr<ReadChannel> channel,
              std::shared_ptr<AmqpReader::Consumer> consumer, std::uint64_t tag);
  /// Of a message that was acknowledged in an earlier life.
  explicit AmqpSettler(AmqpCopy& copy) : copy_(copy) {}

  Task<Result<void>> settle(const Message& message, const Settlement& settlement) override;
  Task<Result<void>> acknowledge(const Message& message) override;
  bool is_void() const override {
    return channel_ && (!channel_->channel().is_open() || (consumer_ && consumer_->withdrawn));
  }
  CopyRefusal refusal() const override { return refusal_; }
  void requeue() override;

 private:
  Task<Result<void>> tell_broker(const Message& message, amqp::Settle::Kind kind);

  AmqpCopy& copy_;
  std::shared_ptr<AmqpReader> reader_;
  std::shared_ptr<ReadChannel> channel_;  // none: acknowledged early
  std::shared_ptr<AmqpReader::Consumer> consumer_;
  std::uint64_t tag_ = 0;
  CopyRefusal refusal_ = CopyRefusal::none;
};

}  // namespace rbit
