#pragma once

#include <memory>
#include <vector>

#include "rbit/amqp/connection.h"
#include "rbit/base/notice.h"
#include "rbit/base/task.h"
#include "rbit/intake/read_channel.h"

namespace rbit {

/// Hands out the channels of one connection after the other that queues are read on: one a queue
/// while the broker allows that many, else they share. Some are left for what is opened for a
/// moment, for the command queue, and for a queue in trouble, so that it troubles nobody. On the
/// loop's thread.
class ReadChannels {
 public:
  /// `others`: how many channels somebody else needs on the connection.
  ReadChannels(const asio::any_io_executor& loop, int others) : others_(others), opened_(loop) {}

  /// Returns none if there is none left, for the moment, or the connection has ended.
  Task<std::shared_ptr<ReadChannel>> take(std::shared_ptr<amqp::Connection> connection,
                                          bool in_trouble);

 private:
  struct One {
    std::weak_ptr<ReadChannel> channel;
    bool in_trouble;
  };

  void forget_old(const std::shared_ptr<amqp::Connection>& connection);
  std::shared_ptr<ReadChannel> shared(bool in_trouble) const;

  int others_;
  int opening_ = 0;
  Notice opened_;  // one that was being opened, or it was not
  std::weak_ptr<amqp::Connection> connection_;
  std::vector<One> all_;  // of that connection
};

}  // namespace rbit
