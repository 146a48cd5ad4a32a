#pragma once

#include <string>

#include "rbit/amqp/publish_connection.h"
#include "rbit/base/clock.h"
#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/delivery.h"

namespace rbit {

/// rbit's own queues at the broker.
struct CopyQueues {
  bool declare = true;  // false: they must exist
  bool quorum = false;  // their type, else classic
};

/// Puts copies of messages where their settlement wants them: into the queue of a delay, which lets
/// them back into their work queue, into the queue of the dead, or, of a message that was
/// acknowledged early, straight back into its work queue (rbit/doc/formats.rst, copies). A copy is
/// confirmed by the broker before the original may be acknowledged. On the loop's thread.
class AmqpCopy {
 public:
  /// `worker` is our name in the copies' headers.
  AmqpCopy(amqp::PublishConnection& publisher, Clock& clock, std::string worker, CopyQueues queues)
      : publisher_(publisher), clock_(clock), worker_(std::move(worker)), queues_(queues) {}

  /// Publishes the copy that `settlement` wants and returns when the broker has confirmed it. With
  /// an Error `refusal` says whether the broker refused the copy, for now or lastingly. Requeued as
  /// attempt 0, the copy asks for no attempt: it is a new message. REQUIRES: `settlement` is not to
  /// accept.
  Task<Result<void>> send(const Message& message, const Settlement& settlement,
                          CopyRefusal& refusal);

  /// What `send` publishes, and the queue it goes to; one of ours is declared.
  amqp::Outgoing make(const Message& message, const Settlement& settlement) const;
  static amqp::DeclareQueue queue_for(const Message& message, const Settlement& settlement,
                                      bool quorum);

 private:
  CopyRefusal refusal_of(const amqp::Answer& answer) const;
  Task<amqp::Answer> declare(const Message& message, const Settlement& settlement);

  amqp::PublishConnection& publisher_;
  Clock& clock_;
  std::string worker_;
  CopyQueues queues_;
};

}  // namespace rbit
