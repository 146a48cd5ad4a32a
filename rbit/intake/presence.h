#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "rbit/amqp/connection.h"
#include "rbit/base/task.h"

namespace rbit {

/// Shows the other rbits of a virtual host that we are there: a consumer on a queue that holds no
/// messages. Who counts its consumers knows of all of them, also of those that poll, or are too
/// busy to consume. Where it cannot be made nobody can be sure to be alone. On the loop's thread.
class Presence {
 public:
  static constexpr const char* queue = "rbit.present";

  explicit Presence(const asio::any_io_executor& loop) : timer_(loop) {}
  ~Presence();
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

  /// A new connection to the broker, which must have more channels than its queues need.
  void connected(const std::shared_ptr<amqp::Connection>& connection);

 private:
  void show();

  std::weak_ptr<amqp::Connection> connection_;
  std::shared_ptr<amqp::Channel> channel_;
  asio::steady_timer timer_;  // until it is shown again, should the queue be deleted
};

}  // namespace rbit
