#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rbit/amqp/settings.h"
#include "rbit/base/task.h"

namespace rbit::test {

/// A broker that plays: it answers every request of a well-behaved client at once and well, keeps
/// what it was told, and misbehaves where a test says so. One queue's messages are whatever
/// `deliver` sends. On the loop it was made with, the client's.
class FakeBroker {
 public:
  struct Published {
    int connection = 0;  // counted from 1
    std::string routing_key, message_id, body;
  };
  struct Consumer {
    int connection = 0;
    std::uint16_t channel = 0;
    std::string queue, tag;
    bool cancelled = false;  // by the client
  };
  struct Closing {
    int code = 0;
    std::string text;
    int method_class = 0, method = 0;  // that failed, if the broker says so
    bool connection = false;           // the whole of it, not only the channel
  };

  explicit FakeBroker(asio::io_context& loop);
  ~FakeBroker();
  FakeBroker(const FakeBroker&) = delete;
  FakeBroker& operator=(const FakeBroker&) = delete;

  amqp::Endpoint endpoint() const;

  // How it behaves.
  bool confirms = true;         // publishes
  bool reads = true;            // false: bytes stay in the socket
  bool beats = false;           // sends heartbeats, every second
  std::uint16_t heartbeat = 0;  // what it wants; 0: what the client wants
  std::uint16_t channel_max = 64;
  std::optional<std::size_t> most_channels;  // of a user, who hears of it when there are more
  std::optional<Closing> login;              // refuses each login
  std::optional<Closing> opened;             // closes each connection right after it was opened
  /// Asked of each queue.declare ("declare"), basic.consume ("consume"), basic.get ("get"),
  /// basic.publish ("publish"): closes the channel, or the connection, instead of answering.
  std::function<std::optional<Closing>(const std::string& what, const std::string& name)> refuses;

  void deliver(const Consumer& to, std::uint64_t delivery_tag, const std::string& body);
  /// The same with a header that cannot be read.
  void deliver_garbled(const Consumer& to, std::uint64_t delivery_tag);

  // What it does, to the connection that came last.
  void cancel(const Consumer& which);
  void close_channel(std::uint16_t channel, const Closing& why);
  void close_connection(const Closing& why);
  void block(const std::string& reason);
  void unblock();
  void send_raw(const std::string& bytes);
  void drop();  // without a word

  // What it was told.
  int connections = 0;  // logins it took
  int refused = 0;      // and those it did not
  std::vector<Published> published;
  std::vector<Consumer> consumers;
  std::vector<std::uint64_t> acked, requeued;

  /// Of connections that are not over.
  int channels() const;
  /// The last consumer of `queue` that was not cancelled, or none.
  const Consumer* consumer(const std::string& queue) const;

 private:
  class Session;
  Task<void> accept();
  Session& session_of(const Consumer& consumer);

  asio::ip::tcp::acceptor acceptor_;
  std::vector<std::shared_ptr<Session>> sessions_;
};

}  // namespace rbit::test
