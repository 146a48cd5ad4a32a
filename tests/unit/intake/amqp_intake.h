#pragma once

#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "rbit/base/text.h"
#include "rbit/intake/amqp_transport.h"
#include "rbit/log/log.h"
#include "tests/support/broker.h"
#include "tests/support/loop.h"
#include "tests/support/print.h"

/// What the tests of the AMQP intake share.
namespace rbit::test {

/// A rbit's intake beside the test broker, with a receiver that has slots as the dispatcher has: a
/// message for which there is none is dropped.
class Intake {
 public:
  Intake(const amqp::ConnectionSettings& connection, std::vector<std::string> names, int slots)
      : Intake(plain(connection), std::move(names), slots) {}

  Intake(AmqpTransportSettings settings, std::vector<std::string> names, int slots)
      : queues(std::move(names)),
        slots_(slots),
        publisher_(loop.get_executor(), settings.connection, std::chrono::seconds(20)) {
    settings.worker = "worker";
    settings.queue_retry = std::chrono::milliseconds(20);
    transport.emplace(loop.get_executor(), clock_, std::move(settings), publisher_);
  }

  void start() {
    publisher_.start();
    transport->start(queues, [this](Delivery delivery) {
      if (static_cast<int>(held.size()) >= slots_ + ahead) return;  // dropped: it goes back
      arrived.push_back(delivery.message().body);
      held.push_back(std::make_unique<Delivery>(std::move(delivery)));
      most_held = std::max(most_held, held.size());
      tell_credit();
    });
    tell_credit();
  }

  void tell_credit() {
    const int here = static_cast<int>(held.size());
    const int free = std::max(0, slots_ - here);
    for (const std::string& queue : queues)
      transport->set_credit(queue, Credit(free, slots_ + ahead - here - free, slots_ + ahead));
  }

  void publish(const std::string& queue, const std::string& body,
               const std::string& exchange = "") {
    amqp::Outgoing message;
    message.exchange = exchange;
    message.routing_key = queue;
    message.body = body;
    const Result<void> sent = run(loop, publisher_.publish(std::move(message)));
    REQUIRE(sent);
  }

  void declare(const std::string& queue) { REQUIRE(run(loop, publisher_.declare_queue(queue))); }

  bool wait_for(std::size_t count) {
    return eventually(loop, [&] { return arrived.size() >= count; });
  }

  /// As the job flow does: the slot is free, then the message is settled.
  Result<void> settle(std::size_t which = 0, const Settlement& settlement = Settlement::accept()) {
    std::unique_ptr<Delivery> delivery = std::move(held[which]);
    held.erase(held.begin() + static_cast<std::ptrdiff_t>(which));
    tell_credit();
    return run(loop, delivery->settle(settlement));
  }

  void close() {
    held.clear();
    run(loop, transport->close());
    run(loop, publisher_.close());
  }

  amqp::PublishConnection& publisher() { return publisher_; }

  asio::io_context loop;
  std::vector<std::string> queues;
  std::vector<std::string> arrived;
  std::vector<std::unique_ptr<Delivery>> held;
  std::size_t most_held = 0;
  int ahead = 0;  // so many more than slots may be here

 private:
  static AmqpTransportSettings plain(const amqp::ConnectionSettings& connection) {
    AmqpTransportSettings settings;
    settings.connection = connection;
    return settings;
  }

  int slots_;
  SystemClock clock_;
  amqp::PublishConnection publisher_;

 public:
  std::optional<AmqpTransport> transport;
};

/// Another client of the same broker: looks at queues from outside.
class Witness {
 public:
  explicit Witness(const amqp::ConnectionSettings& settings)
      : connection_(std::make_shared<amqp::Connection>(loop_.get_executor(), settings)) {
    const amqp::Answer opened = run(loop_, connection_->open());
    REQUIRE(opened.ok());
  }
  ~Witness() { run(loop_, connection_->close()); }

  amqp::Answer ask(amqp::Request request) {
    const auto channel = connection_->new_channel();
    return run(loop_, channel->call(std::move(request)));
  }
  /// Of messages that are ready.
  int count(const std::string& queue) {
    amqp::DeclareQueue look;
    look.name = queue;
    look.passive = true;
    const amqp::Answer answer = ask(look);
    return answer.ok() ? static_cast<int>(answer.reply.messages) : -1;
  }
  amqp::Incoming take(const std::string& queue) {
    const auto channel = connection_->new_channel();
    std::vector<amqp::Incoming> got;
    amqp::Channel::Events events;
    events.delivered = [&](amqp::Incoming message) { got.push_back(std::move(message)); };
    channel->listen(std::move(events));
    CHECK(eventually(loop_, [&] {
      return got.size() == 1 || !run(loop_, channel->call(amqp::Get{queue})).ok() || !got.empty();
    }));
    REQUIRE(got.size() == 1);
    CHECK(run(loop_, channel->call(amqp::Settle{got[0].delivery_tag})).ok());
    return got[0];
  }

 private:
  asio::io_context loop_;
  std::shared_ptr<amqp::Connection> connection_;
};

/// Passes bytes between a client and the broker until it is told to cut.
class Relay {
 public:
  Relay(asio::io_context& loop, const amqp::Endpoint& broker)
      : broker_(asio::ip::make_address(broker.host), broker.port),
        acceptor_(loop, {asio::ip::address_v4::loopback(), 0}) {
    spawn(loop.get_executor(), accept(), "relay");
  }
  amqp::Endpoint endpoint() const { return {"127.0.0.1", acceptor_.local_endpoint().port()}; }
  void cut() {
    for (auto& socket : sockets_) {
      boost::system::error_code ignored;
      socket->close(ignored);
    }
    sockets_.clear();
  }
  void end() {
    cut();
    acceptor_.close();
  }
  int connections() const { return connections_; }

 private:
  using Socket = std::shared_ptr<asio::ip::tcp::socket>;

  Task<void> accept() {
    try {
      for (;;) {
        auto one = co_await acceptor_.async_accept(asio::use_awaitable);
        auto client = std::make_shared<asio::ip::tcp::socket>(std::move(one));
        auto server = std::make_shared<asio::ip::tcp::socket>(acceptor_.get_executor());
        co_await server->async_connect(broker_, asio::use_awaitable);
        sockets_.push_back(client);
        sockets_.push_back(server);
        ++connections_;
        spawn(acceptor_.get_executor(), pass(client, server), "relay");
        spawn(acceptor_.get_executor(), pass(server, client), "relay");
      }
    } catch (const boost::system::system_error&) {  // closed
    }
  }
  static Task<void> pass(Socket from, Socket to) {
    try {
      std::vector<char> bytes(65536);
      for (;;) {
        const std::size_t count =
            co_await from->async_read_some(asio::buffer(bytes), asio::use_awaitable);
        co_await asio::async_write(*to, asio::buffer(bytes, count), asio::use_awaitable);
      }
    } catch (const boost::system::system_error&) {
    }
    boost::system::error_code ignored;
    to->close(ignored);
  }

  asio::ip::tcp::endpoint broker_;
  asio::ip::tcp::acceptor acceptor_;
  std::vector<Socket> sockets_;
  int connections_ = 0;
};

}  // namespace rbit::test
