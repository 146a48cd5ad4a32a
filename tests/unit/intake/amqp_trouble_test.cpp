// Brokers that go and come back, queues that are missing, deleted or made by others.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/log_capture.h"
#include "tests/unit/intake/amqp_intake.h"

using namespace rbit;
using test::Intake;
using test::Relay;
using test::Witness;

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
  const test::LogCapture log;
  amqp::ConnectionSettings nobody;
  nobody.endpoints = {{"127.0.0.1", 1}};  // tcpmux: nobody listens there
  nobody.backoff_base = nobody.backoff_cap = std::chrono::milliseconds(1);
  Intake intake(nobody, {"q"}, 1);
  int vain = 0;
  intake.transport->on_state([&](bool connected, const std::string&) { vain += !connected; });
  intake.start();
  CHECK(test::eventually(intake.loop, [&] { return vain >= 5; }));
  CHECK(!intake.transport->away().empty());
  intake.close();
  CHECK(log.lines().size() == 1);
  CHECK(log.lines("127.0.0.1:1").size() == 1);
}

TEST_CASE("a broker that says nothing is said, too") {
  const test::LogCapture log;
  asio::io_context listening;
  asio::ip::tcp::acceptor silent(listening, {asio::ip::address_v4::loopback(), 0});
  amqp::ConnectionSettings settings;
  settings.endpoints = {{"127.0.0.1", silent.local_endpoint().port()}};
  Intake intake(settings, {"q"}, 1);
  intake.start();
  const std::string line = "connecting to " + settings.endpoints.front().text();
  CHECK(test::eventually(intake.loop, [&] { return !log.lines(line).empty(); }));
  intake.close();
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
