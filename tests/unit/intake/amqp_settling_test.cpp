// Retries and dead letters: what becomes of a message that is settled with a copy of it.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/intake/amqp_intake.h"

using namespace rbit;
using test::Intake;
using test::Relay;
using test::Witness;

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
