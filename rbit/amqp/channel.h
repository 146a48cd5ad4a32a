#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "rbit/amqp/protocol.h"
#include "rbit/base/task.h"

namespace rbit::amqp {

class Connection;

/// One channel of one connection. Requests are sent in the order they are made and need not
/// wait for each other. Once closed, by whomever, it stays closed and refuses everything. Dropped,
/// it is closed at the broker. On the loop's thread.
class Channel {
 public:
  using Done = std::function<void(Answer)>;
  struct Events {
    std::function<void(Incoming)> delivered;
    std::function<void(const std::string& tag)> consumer_cancelled;  // by the broker
    /// By the broker or with the connection; not when we close it.
    std::function<void(const Refusal&)> closed;
  };

  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  void listen(Events events) { events_ = std::move(events); }
  bool is_open() const { return open_; }

  /// `done` is called once in a later turn of the loop; none: the answer does not matter.
  void request(Request request, Done done = {});
  void settle(Settle settle) { request(settle); }
  void publish(Outgoing message, Done done) { request(std::move(message), std::move(done)); }
  Task<Answer> call(Request request);

  void close();

 private:
  friend class Connection;
  Channel(const asio::any_io_executor& loop, std::weak_ptr<Connection> connection,
          std::uint16_t number)
      : loop_(loop), connection_(std::move(connection)), number_(number) {}
  void ended(const Refusal& why);

  asio::any_io_executor loop_;
  std::weak_ptr<Connection> connection_;
  std::uint16_t number_;
  bool open_ = true;
  Events events_;
};

/// Waits for a callback: `start` gets a function that ends the wait, to be called once, in a later
/// turn of the loop.
Task<Answer> answer_of(std::function<void(std::function<void(Answer)>)> start);

}  // namespace rbit::amqp
