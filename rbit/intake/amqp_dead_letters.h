#pragma once

#include <functional>
#include <memory>
#include <string>

#include "rbit/amqp/connection.h"
#include "rbit/amqp/publish_connection.h"
#include "rbit/intake/dead_letters.h"

namespace rbit {

/// The dead letters at a broker: the queues `rbit.dead.<queue>`. All that are looked at stay
/// unacknowledged until the walk ends and then go back, each to its place; who looks at the same
/// time does not see them, and of an rbit that runs nothing is held up.
class AmqpDeadLetters : public DeadLetters {
 public:
  /// `publisher` is asked for when one must be published; it outlives this.
  AmqpDeadLetters(const asio::any_io_executor& loop, std::shared_ptr<amqp::Connection> connection,
                  std::function<amqp::PublishConnection&()> publisher);

  Task<Result<void>> walk(const std::string& queue, const Visit& visit) override;

 private:
  class Got;
  class Look;

  asio::any_io_executor loop_;
  std::shared_ptr<amqp::Connection> connection_;
  std::function<amqp::PublishConnection&()> publisher_;
};

}  // namespace rbit
