#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "rbit/amqp/connection.h"
#include "rbit/base/notice.h"
#include "rbit/base/task.h"

namespace rbit {

/// A queue that messages are read from.
struct WorkQueue {
  std::string name;
  std::string dotted_route;  // DIST.ARCH.SUITE.FORMAT of a legacy queue; empty: we bind nothing
};

/// Sees to it that queues exist at the broker as PyBit declares them (rbit/doc/formats.rst,
/// broker-queues): durable, without arguments, a legacy one bound by its dotted route and by its
/// own name. On the loop's thread.
class Topology {
 public:
  enum class Declare {
    yes,      // declare exchange and queues, bind legacy ones
    passive,  // only look whether the queue is there
    no,       // ask nothing
  };

  Topology(const asio::any_io_executor& loop, Declare declare, std::string exchange);

  /// A new connection: the exchange is declared on it.
  void connected(const std::shared_ptr<amqp::Connection>& connection);

  /// A refusal: the queue cannot be used, now. Whatever fails closes no channel but this queue's. A
  /// missing exchange and a failed binding are said and do no harm.
  Task<amqp::Answer> ensure(std::shared_ptr<amqp::Connection> connection, WorkQueue queue);

 private:
  using Channel = std::shared_ptr<amqp::Channel>;

  Task<amqp::Answer> ensure_in_turn(std::shared_ptr<amqp::Connection> connection, WorkQueue queue);
  Task<void> bind(std::shared_ptr<amqp::Connection> connection,
                  std::shared_ptr<amqp::Channel> channel, WorkQueue queue);
  Task<Channel> channel_on(std::shared_ptr<amqp::Connection> connection);
  void pass_turn();
  /// True the first time.
  bool say_once(const std::string& text);

  asio::any_io_executor loop_;
  Declare declare_;
  std::string exchange_;
  int busy_ = 0;                 // queues that have their turn
  std::deque<Notice*> waiting_;  // the others; each is its coroutine's own
  // Channels that nothing has closed, for the next queue; none while nobody waits for a turn.
  std::vector<std::pair<std::shared_ptr<amqp::Connection>, Channel>> spare_;
  Notice changed_;
  std::shared_ptr<amqp::Channel> exchange_channel_;  // while the exchange is being declared
  std::set<std::string> said_;
};

}  // namespace rbit
