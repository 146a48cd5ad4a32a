#include "rbit/intake/amqp_settler.h"

#include <utility>

#include "rbit/base/failpoint.h"

namespace rbit {

AmqpSettler::AmqpSettler(std::shared_ptr<AmqpReader> reader, std::shared_ptr<ReadChannel> channel,
                         std::shared_ptr<AmqpReader::Consumer> consumer, std::uint64_t tag)
    : copy_(reader->copy()),
      reader_(std::move(reader)),
      channel_(std::move(channel)),
      consumer_(std::move(consumer)),
      tag_(tag) {}

Task<Result<void>> AmqpSettler::settle(const Message& message, const Settlement& settlement) {
  const bool requeued = settlement.kind == Settlement::Kind::requeue;
  const bool copied = settlement.kind != Settlement::Kind::accept && !(requeued && channel_);
  if (copied && !is_void()) {
    Result<void> sent = co_await copy_.send(message, settlement, refusal_);
    if (!sent) co_return sent;  // still unacknowledged, the caller decides
  }
  if (!channel_) co_return Result<void>();
  const auto kind = requeued ? amqp::Settle::Kind::requeue : amqp::Settle::Kind::ack;
  Result<void> told = co_await tell_broker(message, kind);
  co_return told;
}

Task<Result<void>> AmqpSettler::acknowledge(const Message& message) {
  if (!channel_) co_return Result<void>();
  Result<void> told = co_await tell_broker(message, amqp::Settle::Kind::ack);
  channel_.reset();  // whatever came of it: the journal has the job
  co_return told;
}

/// Ends when the broker has processed it.
Task<Result<void>> AmqpSettler::tell_broker(const Message& message, amqp::Settle::Kind kind) {
  const std::shared_ptr<AmqpReader> reader = reader_;
  if (is_void()) {
    ++reader->counters().stale;
    co_return Error{"queue " + message.queue,
                    "stale: the channel the message came on is gone, the broker has it again", ""};
  }
  reader->before_settlement(std::exchange(consumer_, nullptr), tag_);
  if (kind == amqp::Settle::Kind::requeue) ++reader->counters().requeued;
  const std::shared_ptr<ReadChannel> channel = channel_;
  channel->channel().settle(amqp::Settle{tag_, kind});
  failpoint("A.sent");
  const amqp::Answer answer = co_await channel->barrier();
  if (answer.ok()) {
    reader->apply();
    co_return Result<void>();
  }
  ++reader->counters().stale;
  co_return answer.refusal->error("queue " + message.queue);
}

void AmqpSettler::requeue() {
  if (!channel_ || is_void()) return;
  ++reader_->counters().requeued;
  reader_->before_settlement(std::exchange(consumer_, nullptr), tag_);
  reader_->rest();
  channel_->channel().settle(amqp::Settle{tag_, amqp::Settle::Kind::requeue});
}

}  // namespace rbit
