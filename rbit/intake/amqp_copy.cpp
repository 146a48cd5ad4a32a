#include "rbit/intake/amqp_copy.h"

#include <cstdint>
#include <utility>

#include "rbit/base/failpoint.h"
#include "rbit/intake/amqp_message.h"
#include "rbit/intake/copy.h"
#include "rbit/intake/queue_names.h"

namespace rbit {

Task<Result<void>> AmqpCopy::send(const Message& message, const Settlement& settlement,
                                  CopyRefusal& refusal) {
  const std::string to = "queue " + queue_for(message, settlement, false).name;
  if (settlement.kind == Settlement::Kind::retry && !queues_.declare) {
    // A queue of each delay is more than others can be asked to make.
    refusal = CopyRefusal::lasting;
    co_return Error{to, "is not made, for [rbit] declare = no"};
  }
  const bool ours = settlement.kind != Settlement::Kind::requeue;
  amqp::Answer answer;
  for (int tries = 0; tries < 2; ++tries) {
    if (queues_.declare && ours) {
      answer = co_await declare(message, settlement);
      if (!answer.ok()) break;
    }
    amqp::Outgoing copy = make(message, settlement);
    answer = co_await publisher_.send(std::move(copy));
    // Unroutable: somebody deleted the queue that we had declared. Once more from the start.
    if (answer.ok() || answer.refusal->code != amqp::no_route || !ours) break;
  }
  refusal = refusal_of(answer);
  if (!answer.ok()) co_return answer.refusal->error(to);
  failpoint("A.copied");
  co_return Result<void>();
}

CopyRefusal AmqpCopy::refusal_of(const amqp::Answer& answer) const {
  if (answer.ok()) return CopyRefusal::none;
  if (answer.refusal->code != amqp::lost) return CopyRefusal::lasting;
  return publisher_.blocked() ? CopyRefusal::for_now : CopyRefusal::none;
}

/// A queue of the dead with other arguments keeps its dead all the same. A delay queue does its
/// duty as the other type too, as before `queue-type` was changed; with any other arguments it
/// might never let go of its messages, and is refused.
Task<amqp::Answer> AmqpCopy::declare(const Message& message, const Settlement& settlement) {
  amqp::DeclareQueue queue = queue_for(message, settlement, queues_.quorum);
  amqp::Answer answer = co_await publisher_.declare(std::move(queue));
  if (answer.ok() || !answer.refusal->has_other_arguments()) co_return answer;
  if (settlement.kind == Settlement::Kind::dead_letter) co_return amqp::Answer{};
  amqp::DeclareQueue other = queue_for(message, settlement, !queues_.quorum);
  const amqp::Answer second = co_await publisher_.declare(std::move(other));
  if (second.ok()) co_return second;
  co_return answer;
}

amqp::Outgoing AmqpCopy::make(const Message& message, const Settlement& settlement) const {
  const std::int64_t now = to_seconds(clock_.wall());
  amqp::Outgoing copy = outgoing_of(copy_of(message, settlement, {worker_, now, now}));
  copy.routing_key = queue_for(message, settlement, false).name;  // at the default exchange
  return copy;
}

amqp::DeclareQueue AmqpCopy::queue_for(const Message& message, const Settlement& settlement,
                                       bool quorum) {
  constexpr std::int64_t most_messages = 100'000;
  amqp::DeclareQueue queue;
  if (settlement.kind == Settlement::Kind::requeue) {  // PyBit's, not ours
    queue.name = message.queue;
    return queue;
  }
  // Names and types stay for ever: a redeclare compares them.
  queue.arguments["x-queue-type"] = std::string(quorum ? "quorum" : "classic");
  queue.arguments["x-max-length"] = most_messages;
  queue.arguments["x-overflow"] = std::string("reject-publish");
  if (settlement.kind == Settlement::Kind::dead_letter) {
    queue.name = dead_queue(message.queue);
    return queue;
  }
  queue.name = retry_queue(message.queue, settlement.delay);
  queue.arguments["x-message-ttl"] = delay_of(settlement.delay);
  queue.arguments["x-dead-letter-exchange"] = std::string();
  queue.arguments["x-dead-letter-routing-key"] = message.queue;
  // A quorum queue hands on at most once without this; a classic one refuses it.
  if (quorum) queue.arguments["x-dead-letter-strategy"] = std::string("at-least-once");
  return queue;
}

}  // namespace rbit
