#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "rbit/amqp/connection.h"
#include "rbit/amqp/publish_connection.h"
#include "rbit/core/dead_letters.h"

namespace rbit {

/// The dead letters at a broker: the queues `rbit.dead.<queue>`. All that are looked at stay
/// unacknowledged until the walk ends and then go back, each to its place; who looks at the same
/// time does not see them, and of an rbit that runs nothing is held up.
class AmqpDeadLetters : public DeadLetters {
 public:
  /// `queues` are those that are read: AMQP tells of no others. `publisher` is asked for when one
  /// must be published; it outlives this.
  AmqpDeadLetters(const asio::any_io_executor& loop, std::shared_ptr<amqp::Connection> connection,
                  std::vector<std::string> queues,
                  std::function<amqp::PublishConnection&()> publisher);

  Result<std::vector<std::string>> queues() const override { return queues_; }
  Task<Result<void>> walk(const std::string& queue, const Visit& visit) override;

 private:
  class Got;
  class Look;

  asio::any_io_executor loop_;
  std::shared_ptr<amqp::Connection> connection_;
  std::vector<std::string> queues_;
  std::function<amqp::PublishConnection&()> publisher_;
};

}  // namespace rbit
