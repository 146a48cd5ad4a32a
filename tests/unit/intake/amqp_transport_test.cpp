#include "rbit/intake/amqp_transport.h"

#include <doctest/doctest.h>
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

#include "rbit/base/log.h"
#include "rbit/base/text.h"
#include "tests/support/broker.h"
#include "tests/support/loop.h"
#include "tests/support/print.h"

using namespace rbit;

namespace {

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
      if (static_cast<int>(held.size()) >= slots_) return;  // dropped: it goes back
      arrived.push_back(delivery.message().body);
      held.push_back(std::make_unique<Delivery>(std::move(delivery)));
      most_held = std::max(most_held, held.size());
      tell_credit();
    });
    tell_credit();
  }

  void tell_credit() {
    for (const std::string& queue : queues)
      transport->set_credit(queue, slots_ - static_cast<int>(held.size()));
  }

  void publish(const std::string& queue, const std::string& body,
               const std::string& exchange = "") {
    amqp::Outgoing message;
    message.exchange = exchange;
    message.routing_key = queue;
    message.body = body;
    const Result<void> sent = test::run(loop, publisher_.publish(std::move(message)));
    REQUIRE(sent);
  }

  void declare(const std::string& queue) {
    REQUIRE(test::run(loop, publisher_.declare_queue(queue)));
  }

  bool wait_for(std::size_t count) {
    return test::eventually(loop, [&] { return arrived.size() >= count; });
  }

  /// As the job flow does: the slot is free, then the message is settled.
  Result<void> settle(std::size_t which = 0, const Settlement& settlement = Settlement::accept()) {
    std::unique_ptr<Delivery> delivery = std::move(held[which]);
    held.erase(held.begin() + static_cast<std::ptrdiff_t>(which));
    tell_credit();
    return test::run(loop, delivery->settle(settlement));
  }

  void close() {
    held.clear();
    test::run(loop, transport->close());
    test::run(loop, publisher_.close());
  }

  amqp::PublishConnection& publisher() { return publisher_; }

  asio::io_context loop;
  std::vector<std::string> queues;
  std::vector<std::string> arrived;
  std::vector<std::unique_ptr<Delivery>> held;
  std::size_t most_held = 0;

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
    const amqp::Answer opened = test::run(loop_, connection_->open());
    REQUIRE(opened.ok());
  }
  ~Witness() { test::run(loop_, connection_->close()); }

  amqp::Answer ask(amqp::Request request) {
    const auto channel = connection_->new_channel();
    return test::run(loop_, channel->call(std::move(request)));
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
    CHECK(test::eventually(loop_, [&] {
      return got.size() == 1 || !test::run(loop_, channel->call(amqp::Get{queue})).ok() ||
             !got.empty();
    }));
    REQUIRE(got.size() == 1);
    CHECK(test::run(loop_, channel->settled({got[0].delivery_tag})).ok());
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

}  // namespace

TEST_CASE("a message comes, is acknowledged and is gone") {
  const auto settings = test::broker();
  if (!settings) return;
  const std::string queue = test::fresh_queue("ack");
  Intake intake(*settings, {queue}, 2);
  intake.start();
  intake.declare(queue);
  intake.publish(queue, "a");
  intake.publish(queue, "b");
  REQUIRE(intake.wait_for(2));
  CHECK(intake.held[0]->message().queue == queue);
  CHECK(!intake.held[0]->is_void());
  CHECK(intake.settle());
  CHECK(intake.settle());
  intake.close();
  Witness witness(*settings);
  CHECK(witness.count(queue) == 0);
}

TEST_CASE("what is dropped, or still out at the end, is in its queue again") {
  const auto settings = test::broker();
  if (!settings) return;
  const std::string queue = test::fresh_queue("back");
  Intake intake(*settings, {queue}, 1);
  intake.start();
  intake.declare(queue);
  intake.publish(queue, "a");
  REQUIRE(intake.wait_for(1));
  CHECK(!intake.held[0]->message().redelivered);
  intake.held.clear();  // dropped
  intake.tell_credit();
  REQUIRE(intake.wait_for(2));
  CHECK(intake.held[0]->message().redelivered);
  CHECK(intake.transport->counters().requeued == 1);
  CHECK(intake.settle(0, Settlement::requeue()));
  REQUIRE(intake.wait_for(3));
  std::unique_ptr<Delivery> last = std::move(intake.held[0]);
  intake.close();
  CHECK(last->is_void());
  CHECK(!test::run(intake.loop, last->settle(Settlement::accept())));
  CHECK(intake.transport->counters().stale == 1);
  Witness witness(*settings);
  CHECK(witness.count(queue) == 1);
}

TEST_CASE("one queue never has more unacknowledged messages than slots, and one consumer for all") {
  const auto settings = test::broker();
  if (!settings) return;
  const std::string queue = test::fresh_queue("credit");
  Intake intake(*settings, {queue}, 3);
  intake.start();
  intake.declare(queue);
  Witness witness(*settings);
  for (int i = 0; i < 30; ++i) intake.publish(queue, std::to_string(i));
  REQUIRE(intake.wait_for(3));
  CHECK(witness.count(queue) == 27);
  for (std::size_t done = 0; done < 27; ++done) {
    CHECK(intake.settle());
    REQUIRE(intake.wait_for(done + 4));
  }
  for (int i = 0; i < 3; ++i) CHECK(intake.settle());
  CHECK(intake.transport->counters().received == 30);
  CHECK(intake.transport->counters().requeued == 0);
  CHECK(intake.transport->counters().subscriptions == 1);
  CHECK(intake.most_held == 3);
  for (int i = 0; i < 30; ++i)
    CHECK(intake.arrived[static_cast<std::size_t>(i)] == std::to_string(i));
  intake.close();
}

TEST_CASE("a slot that is free long before the acknowledgement looks at once") {
  const auto settings = test::broker();
  if (!settings) return;
  const std::string queue = test::fresh_queue("early");
  Intake intake(*settings, {queue}, 1);
  intake.start();
  intake.declare(queue);
  intake.publish(queue, "a");
  intake.publish(queue, "b");
  REQUIRE(intake.wait_for(1));
  std::unique_ptr<Delivery> slow = std::move(intake.held[0]);
  intake.held.clear();
  intake.tell_credit();  // the job is over, its verdict on its way to the disk
  REQUIRE(intake.wait_for(2));
  CHECK(test::run(intake.loop, slow->settle(Settlement::accept())));
  CHECK(intake.settle());
  CHECK(intake.transport->counters().subscriptions == 2);
  intake.close();
  Witness witness(*settings);
  CHECK(witness.count(queue) == 0);
}

TEST_CASE("without a slot nothing is taken, whatever is acknowledged meanwhile") {
  const auto settings = test::broker();
  if (!settings) return;
  const std::string queue = test::fresh_queue("full");
  Intake intake(*settings, {queue}, 2);
  intake.start();
  intake.declare(queue);
  for (const char* body : {"a", "b", "c", "d"}) intake.publish(queue, body);
  REQUIRE(intake.wait_for(2));
  intake.transport->set_credit(queue, 0);  // the slots went to another queue
  for (auto& delivery : intake.held)
    CHECK(test::run(intake.loop, delivery->settle(Settlement::accept())));  // R4: cancel, then ack
  intake.held.clear();
  Witness witness(*settings);
  CHECK(test::eventually(intake.loop, [&] { return witness.count(queue) == 2; }));
  CHECK(intake.transport->counters().received == 2);
  intake.tell_credit();
  REQUIRE(intake.wait_for(4));
  intake.close();
}

TEST_CASE("several queues share the slots, in turn, and give nothing back") {
  const auto settings = test::broker();
  if (!settings) return;
  std::vector<std::string> queues;
  for (const char* name : {"a", "b", "c"}) queues.push_back(test::fresh_queue(name));
  Intake intake(*settings, queues, 2);
  intake.start();
  for (const std::string& queue : queues) {
    intake.declare(queue);
    for (int i = 0; i < 6; ++i) intake.publish(queue, queue);
  }
  for (std::size_t done = 0; done < 18; ++done) {
    REQUIRE(intake.wait_for(done + 1));
    CHECK(intake.settle());
  }
  for (const std::string& queue : queues)
    CHECK(std::count(intake.arrived.begin(), intake.arrived.end(), queue) == 6);
  CHECK(intake.most_held <= 2);
  intake.publish(queues[1], "late");  // all are consumed again
  REQUIRE(intake.wait_for(19));
  CHECK(intake.settle());
  intake.close();
  Witness witness(*settings);
  for (const std::string& queue : queues) CHECK(witness.count(queue) == 0);
}

TEST_CASE("polling asks for as many as there are slots, and at once when one is free") {
  const auto settings = test::broker();
  if (!settings) return;
  AmqpTransportSettings wanted;
  wanted.connection = *settings;
  wanted.poll_time = std::chrono::hours(1);  // what comes before is not the timer's work
  std::vector<std::string> queues{test::fresh_queue("poll") + ".1"};
  queues.push_back(queues[0] + ".2");  // the turns go by name
  Witness witness(*settings);
  for (const std::string& queue : queues) {
    amqp::DeclareQueue declare;
    declare.name = queue;
    REQUIRE(witness.ask(declare).ok());
  }
  Intake intake(wanted, queues, 1);
  intake.publisher().start();
  for (int i = 0; i < 2; ++i)
    for (const std::string& queue : queues) {
      amqp::Outgoing message;
      message.routing_key = queue;
      message.body = queue;
      REQUIRE(test::run(intake.loop, intake.publisher().publish(message)));
    }
  intake.start();
  for (std::size_t done = 0; done < 4; ++done) {
    REQUIRE(intake.wait_for(done + 1));
    CHECK(intake.held.size() == 1);
    CHECK(intake.settle());
  }
  CHECK(intake.arrived == std::vector<std::string>{queues[0], queues[1], queues[0], queues[1]});
  CHECK(intake.transport->counters().subscriptions == 0);
  intake.close();
}

TEST_CASE("an empty queue is polled again after the poll time") {
  const auto settings = test::broker();
  if (!settings) return;
  AmqpTransportSettings wanted;
  wanted.connection = *settings;
  wanted.poll_time = std::chrono::milliseconds(20);
  const std::string queue = test::fresh_queue("poll");
  Intake intake(wanted, {queue}, 1);
  intake.start();
  intake.declare(queue);
  for (std::size_t i = 0; i < 3; ++i) {
    intake.publish(queue, "x");
    REQUIRE(intake.wait_for(i + 1));
    CHECK(intake.settle());
  }
  CHECK(intake.transport->counters().subscriptions == 0);
  intake.close();
}

TEST_CASE("a retry comes back through the queue of its delay") {
  const auto settings = test::broker();
  if (!settings) return;
  const std::string queue = test::fresh_queue("retry");
  Intake intake(*settings, {queue}, 1);
  intake.start();
  intake.declare(queue);
  intake.publish(queue, "again");
  REQUIRE(intake.wait_for(1));
  const std::string key = key_of(intake.held[0]->message());
  CHECK(intake.settle(0, Settlement::retry(std::chrono::milliseconds(30), 2, "exit 75")));
  REQUIRE(intake.wait_for(2));
  const Message& message = intake.held[0]->message();
  CHECK(message.body == "again");
  CHECK(message.queue == queue);
  CHECK(message.message_id == key);
  CHECK(key_of(message) == key);
  CHECK(attempt_of(message) == 2);
  CHECK((message.headers.at("x-rbit-reason") == HeaderValue(std::string("exit 75"))));
  const Settlement again = Settlement::retry(std::chrono::milliseconds(30), 3, "exit 75");
  const amqp::DeclareQueue declared = AmqpCopy::queue_for(message, again, false);
  CHECK(intake.settle(0, again));
  REQUIRE(intake.wait_for(3));
  CHECK(attempt_of(intake.held[0]->message()) == 3);
  CHECK(intake.settle());
  intake.close();
  Witness witness(*settings);
  CHECK(witness.count(queue) == 0);
  CHECK(witness.ask(declared).ok());  // the very same arguments
}

TEST_CASE("a dead letter is kept with its reason, an oversized one by its start") {
  const auto settings = test::broker();
  if (!settings) return;
  const std::string queue = test::fresh_queue("dead");
  const std::string large = std::string(5u << 20, 'x') + "end";
  Intake intake(*settings, {queue}, 1);
  intake.start();
  intake.declare(queue);
  intake.publish(queue, "bad");
  REQUIRE(intake.wait_for(1));
  CHECK(intake.settle(0, Settlement::dead_letter("invalid: no package")));
  intake.publish(queue, large);
  REQUIRE(intake.wait_for(2));
  CHECK(intake.held[0]->message().oversized);
  Witness witness(*settings);
  REQUIRE(witness.ask(amqp::DeleteQueue{"rbit.dead." + queue}).ok());  // it is made again
  CHECK(intake.settle(0, Settlement::dead_letter("undecodable: too large")));
  const amqp::Incoming dead = witness.take("rbit.dead." + queue);
  CHECK(dead.body == large.substr(0, 65536));
  CHECK(dead.persistent);
  CHECK((dead.headers.at("x-rbit-reason") == HeaderValue(std::string("undecodable: too large"))));
  CHECK((dead.headers.at("x-rbit-size") == HeaderValue(static_cast<std::int64_t>(large.size()))));
  CHECK((dead.headers.at("x-rbit-sha256") == HeaderValue(text::sha256_hex(large))));
  CHECK((dead.headers.at("x-rbit-queue") == HeaderValue(queue)));
  CHECK((dead.headers.at("x-rbit-worker") == HeaderValue(std::string("worker"))));
  intake.close();
  CHECK(witness.count(queue) == 0);
}

TEST_CASE("a copy that is refused leaves the message unacknowledged") {
  const auto settings = test::broker();
  if (!settings) return;
  const std::string queue = test::fresh_queue("refused");
  Witness witness(*settings);
  amqp::DeclareQueue other;  // a queue of that name which would never let go of its messages
  other.name = "rbit.retry." + queue + ".30";
  REQUIRE(witness.ask(other).ok());
  Intake intake(*settings, {queue}, 1);
  intake.start();
  intake.declare(queue);
  intake.publish(queue, "x");
  REQUIRE(intake.wait_for(1));
  const Settlement retry = Settlement::retry(std::chrono::milliseconds(30), 2, "exit 75");
  CHECK(!test::run(intake.loop, intake.held[0]->settle(retry)));
  CHECK(!intake.held[0]->is_void());
  CHECK(witness.count(other.name) == 0);
  CHECK(intake.settle());
  intake.close();
  CHECK(witness.count(queue) == 0);
}

TEST_CASE("a lost connection comes back, and what was out comes again") {
  const auto settings = test::broker();
  if (!settings) return;
  const std::string queue = test::fresh_queue("lost");
  Witness witness(*settings);
  amqp::DeclareQueue declare;
  declare.name = queue;
  REQUIRE(witness.ask(declare).ok());
  AmqpTransportSettings wanted;
  wanted.connection = *settings;
  Intake intake(wanted, {queue}, 1);
  Relay relay(intake.loop, settings->endpoints.front());
  wanted.connection.endpoints = {relay.endpoint()};
  wanted.worker = "worker";
  SystemClock clock;
  intake.transport.emplace(intake.loop.get_executor(), clock, wanted, intake.publisher());
  std::vector<bool> states;
  intake.transport->on_state(
      [&](bool connected, const std::string&) { states.push_back(connected); });
  intake.start();
  intake.publish(queue, "a");
  REQUIRE(intake.wait_for(1));
  for (std::size_t round = 1; round <= 3; ++round) {
    relay.cut();
    REQUIRE(test::eventually(intake.loop, [&] { return intake.held[0]->is_void(); }));
    CHECK(!test::run(intake.loop, intake.held[0]->settle(Settlement::accept())));
    intake.held.clear();
    intake.tell_credit();
    REQUIRE(intake.wait_for(round + 1));
    CHECK(intake.held[0]->message().redelivered);
  }
  CHECK(intake.settle());
  CHECK(relay.connections() >= 4);
  CHECK(states.front());
  CHECK(states.back());
  CHECK(intake.transport->counters().stale == 3);
  intake.close();
  relay.end();
  intake.loop.poll();
  CHECK(witness.count(queue) == 0);
}

TEST_CASE("a queue that is deleted is declared anew, and the others go on") {
  const auto settings = test::broker();
  if (!settings) return;
  const std::string doomed = test::fresh_queue("doomed"), other = test::fresh_queue("other");
  Intake intake(*settings, {doomed, other}, 4);
  intake.start();
  intake.declare(doomed);
  intake.declare(other);
  intake.publish(doomed, "a");
  intake.publish(other, "b");
  REQUIRE(intake.wait_for(2));
  Witness witness(*settings);
  for (int round = 0; round < 3; ++round) {
    REQUIRE(witness.ask(amqp::DeleteQueue{doomed}).ok());
    CHECK(test::eventually(intake.loop, [&] { return witness.count(doomed) == 0; }));
    const std::size_t before = intake.arrived.size();
    intake.publish(doomed, "again");
    intake.publish(other, "still");
    REQUIRE(intake.wait_for(before + 2));
    while (!intake.held.empty()) intake.settle();
  }
  intake.close();
}

TEST_CASE("a queue with other arguments is used as it is; a legacy one is bound by two keys") {
  const auto settings = test::broker();
  if (!settings) return;
  Witness witness(*settings);
  const std::string odd = test::fresh_queue("odd");
  amqp::DeclareQueue declare;
  declare.name = odd;
  declare.arguments = {{"x-max-length", 10}};
  REQUIRE(witness.ask(declare).ok());
  const std::string legacy = test::fresh_queue("Debian_i386_sid_deb");
  AmqpTransportSettings wanted;
  wanted.connection = *settings;
  wanted.queues = {{odd, ""}, {legacy, legacy + ".dotted"}};
  Intake intake(wanted, {odd, legacy}, 4);
  intake.start();
  intake.declare(legacy);
  intake.publish(odd, "odd");
  REQUIRE(intake.wait_for(1));
  amqp::BindQueue bind{legacy, "pybit", legacy + ".dotted"};
  REQUIRE(test::eventually(intake.loop, [&] {  // until the bindings are there
    amqp::Outgoing message;
    message.exchange = "pybit";
    message.routing_key = legacy;
    message.body = "own name";
    return test::run(intake.loop, intake.publisher().send(message)).ok();
  }));
  intake.publish(legacy + ".dotted", "dotted", "pybit");
  REQUIRE(intake.wait_for(3));
  intake.close();
}

TEST_CASE("a queue that may not be declared is read if it is there") {
  const auto settings = test::broker();
  if (!settings) return;
  Witness witness(*settings);
  // Nobody may declare a name that begins with "amq.", but the broker makes such queues. Its first
  // message is pushed out by the second, and says where it was.
  const std::string known = test::fresh_queue("known");
  amqp::DeclareQueue declare;
  declare.name = known;
  REQUIRE(witness.ask(declare).ok());
  asio::io_context loop;
  const auto connection = std::make_shared<amqp::Connection>(loop.get_executor(), *settings);
  REQUIRE(test::run(loop, connection->open()).ok());
  const auto channel = connection->new_channel();
  declare.name = "";
  declare.arguments = {{"x-max-length", 1},
                       {"x-dead-letter-exchange", std::string()},
                       {"x-dead-letter-routing-key", known}};
  REQUIRE(test::run(loop, channel->call(declare)).ok());
  REQUIRE(test::run(loop, channel->call(amqp::BindQueue{"", "amq.direct", known})).ok());
  Intake publishing(*settings, {known}, 0);
  publishing.publisher().start();
  publishing.publish(known, "first", "amq.direct");
  publishing.publish(known, "second", "amq.direct");
  const amqp::Incoming first = witness.take(known);
  const std::string queue = std::get<std::string>(first.headers.at("x-first-death-queue"));
  REQUIRE(queue.starts_with("amq."));

  const std::string missing = "amq." + known;
  Intake intake(*settings, {queue, missing}, 1);
  intake.start();
  REQUIRE(intake.wait_for(1));
  CHECK(intake.arrived == std::vector<std::string>{"second"});
  CHECK(intake.settle());
  REQUIRE(test::eventually(intake.loop,
                           [&] { return intake.transport->troubles().contains(missing); }));
  CHECK(intake.transport->troubles().at(missing).find("declaring: ACCESS_REFUSED") == 0);
  intake.close();
  CHECK(witness.ask(amqp::DeleteQueue{queue}).ok());
  test::run(publishing.loop, publishing.publisher().close());
  test::run(loop, connection->close());
}

TEST_CASE("a missing queue is said and tried again where nothing may be declared") {
  const auto settings = test::broker();
  if (!settings) return;
  for (const auto declare : {Topology::Declare::passive, Topology::Declare::no}) {
    const std::string queue = test::fresh_queue("missing");
    AmqpTransportSettings wanted;
    wanted.connection = *settings;
    wanted.declare = declare;
    Intake intake(wanted, {queue}, 1);
    intake.start();
    REQUIRE(test::eventually(intake.loop,
                             [&] { return intake.transport->troubles().contains(queue); }));
    CHECK(intake.transport->troubles().at(queue).find("NOT_FOUND") != std::string::npos);
    intake.declare(queue);
    intake.publish(queue, "x");
    REQUIRE(intake.wait_for(1));
    CHECK(intake.settle());
    intake.close();
  }
}

TEST_CASE("a broker that is away is said once, not once a try") {
  char folder[] = "/tmp/rbit-test-XXXXXX";
  REQUIRE(::mkdtemp(folder));
  const std::string file = std::string(folder) + "/log";
  log::Settings to_file;
  to_file.file = file;
  log::configure(to_file);
  amqp::ConnectionSettings nobody;
  nobody.endpoints = {{"127.0.0.1", 1}};  // tcpmux: nobody listens there
  nobody.backoff_base = nobody.backoff_cap = std::chrono::milliseconds(1);
  Intake intake(nobody, {"q"}, 1);
  int vain = 0;
  intake.transport->on_state([&](bool connected, const std::string&) { vain += !connected; });
  intake.start();
  CHECK(test::eventually(intake.loop, [&] { return vain >= 5; }));
  CHECK(intake.transport->connect_failures() >= 5);
  CHECK(!intake.transport->connected());
  intake.close();
  log::flush();
  log::configure({});
  std::ifstream log(file);
  int lines = 0;
  for (std::string line; std::getline(log, line);) {
    ++lines;
    CHECK(line.find("127.0.0.1:1") != std::string::npos);
  }
  CHECK(lines == 1);
  std::filesystem::remove_all(folder);
}

TEST_CASE("a broker that says nothing is said, too") {
  char folder[] = "/tmp/rbit-test-XXXXXX";
  REQUIRE(::mkdtemp(folder));
  const std::string file = std::string(folder) + "/log";
  log::Settings to_file;
  to_file.file = file;
  log::configure(to_file);
  asio::io_context listening;
  asio::ip::tcp::acceptor silent(listening, {asio::ip::address_v4::loopback(), 0});
  amqp::ConnectionSettings settings;
  settings.endpoints = {{"127.0.0.1", silent.local_endpoint().port()}};
  Intake intake(settings, {"q"}, 1);
  intake.start();
  const std::string line = "connecting to " + settings.endpoints.front().text();
  CHECK(test::eventually(intake.loop, [&] {
    log::flush();
    std::ifstream log(file);
    const std::string all(std::istreambuf_iterator<char>(log), {});
    return all.find(line) != std::string::npos;
  }));
  intake.close();
  log::configure({});
  std::filesystem::remove_all(folder);
}

TEST_CASE("a wrong password is told to the app") {
  auto settings = test::broker();
  if (!settings) return;
  settings->password = "wrong";
  Intake intake(*settings, {"q"}, 1);
  std::string why;
  intake.transport->on_not_welcome([&](const Error& error) { why = error.text(); });
  intake.start();
  CHECK(test::eventually(intake.loop, [&] { return !why.empty(); }));
  CHECK(why.find("ACCESS_REFUSED") != std::string::npos);
  CHECK(why.find("wrong") == std::string::npos);
  intake.close();
}
