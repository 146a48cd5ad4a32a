#include "rbit/intake/amqp_copy.h"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <string>

#include "tests/support/manual_clock.h"

using namespace rbit;

namespace {

struct Fixture {
  asio::io_context loop;
  test::ManualClock clock;
  amqp::PublishConnection publisher{loop.get_executor(), {}, std::chrono::seconds(1)};
  AmqpCopy copy{publisher, clock, "worker", {}};
  Message message;

  Fixture() {
    message.queue = "work";
    message.body = "{}";
    message.size = 2;
  }
};

using Arguments = decltype(amqp::DeclareQueue::arguments);

}  // namespace

TEST_CASE("the queue of a delay lets its messages back into their work queue") {
  Fixture f;
  const auto queue = AmqpCopy::queue_for(
      f.message, Settlement::retry(std::chrono::milliseconds(60'000), 2, "exit 75"), false);
  CHECK(queue.name == "rbit.retry.work.60000");
  CHECK(queue.durable);
  CHECK(!queue.exclusive);
  CHECK(!queue.auto_delete);
  const Arguments arguments{{"x-queue-type", std::string("classic")},
                            {"x-message-ttl", 60'000},
                            {"x-dead-letter-exchange", std::string()},
                            {"x-dead-letter-routing-key", std::string("work")},
                            {"x-max-length", 100'000},
                            {"x-overflow", std::string("reject-publish")}};
  CHECK((queue.arguments == arguments));
}

TEST_CASE("rbit's own queues as quorum queues hand on at least once") {
  Fixture f;
  const auto delay = AmqpCopy::queue_for(
      f.message, Settlement::retry(std::chrono::milliseconds(10), 2, "exit 75"), true);
  const Arguments arguments{{"x-queue-type", std::string("quorum")},
                            {"x-message-ttl", 10},
                            {"x-dead-letter-exchange", std::string()},
                            {"x-dead-letter-routing-key", std::string("work")},
                            {"x-dead-letter-strategy", std::string("at-least-once")},
                            {"x-max-length", 100'000},
                            {"x-overflow", std::string("reject-publish")}};
  CHECK((delay.arguments == arguments));
  const auto dead = AmqpCopy::queue_for(f.message, Settlement::dead_letter("exit 1"), true);
  CHECK(!dead.arguments.contains("x-dead-letter-strategy"));
  CHECK((dead.arguments.at("x-queue-type") == Arguments::mapped_type(std::string("quorum"))));
}

TEST_CASE("the queue of the dead keeps them for ever") {
  Fixture f;
  const auto queue = AmqpCopy::queue_for(f.message, Settlement::dead_letter("exit 1"), false);
  CHECK(queue.name == "rbit.dead.work");
  const Arguments arguments{{"x-queue-type", std::string("classic")},
                            {"x-max-length", 100'000},
                            {"x-overflow", std::string("reject-publish")}};
  CHECK((queue.arguments == arguments));
}

TEST_CASE("a copy for a retry is the message with rbit's headers and its key as id") {
  Fixture f;
  f.message.content_type = "application/json";
  f.message.correlation_id = "c";
  f.message.reply_to = "r";
  f.message.timestamp = 5;
  f.message.priority = std::uint8_t{4};
  f.message.persistent = false;
  f.message.headers = {{"colour", std::string("blue")},
                       {"x-death", std::string("forged")},
                       {"x-first-death-queue", std::string("q")},
                       {"x-last-death-queue", std::string("q")},
                       {"CC", std::string("elsewhere")},
                       {"x-delivery-count", std::int64_t{7}},
                       {"x-rbit-sha256", std::string("of another life")}};
  const auto copy =
      f.copy.make(f.message, Settlement::retry(std::chrono::milliseconds(10), 3, "exit\n75"));
  CHECK(copy.exchange.empty());
  CHECK(copy.routing_key == "rbit.retry.work.10");
  CHECK(copy.persistent);
  CHECK(copy.body == "{}");
  CHECK(copy.content_type == "application/json");
  CHECK(copy.correlation_id == "c");
  CHECK(copy.reply_to == "r");
  CHECK(copy.timestamp == 5);
  CHECK(copy.priority == std::uint8_t{4});
  CHECK(copy.message_id == key_of(f.message));
  const decltype(copy.headers) headers{{"colour", std::string("blue")},
                                       {"x-rbit-attempt", std::int64_t{3}},
                                       {"x-rbit-queue", std::string("work")},
                                       {"x-rbit-reason", std::string("exit\\x0a75")},
                                       {"x-rbit-worker", std::string("worker")}};
  CHECK((copy.headers == headers));
  CHECK(copy.time_headers.at("x-rbit-first") == to_seconds(f.clock.wall()));
}

TEST_CASE(
    "a header whose name is too long for AMQP does not keep its message from the dead letters") {
  Fixture f;
  f.message.headers[std::string(128, 'x')] = std::int64_t{1};
  f.message.headers[std::string(129, 'y')] = std::int64_t{1};
  const auto copy = f.copy.make(f.message, Settlement::dead_letter("invalid"));
  CHECK(copy.headers.contains(std::string(128, 'x')));
  CHECK_FALSE(copy.headers.contains(std::string(129, 'y')));
}

TEST_CASE("the first time and the id of an earlier copy are kept") {
  Fixture f;
  f.message.message_id = "id";
  f.message.headers = {{"x-rbit-first", std::int64_t{1234}}, {"x-rbit-attempt", std::int64_t{4}}};
  const auto copy = f.copy.make(f.message, Settlement::dead_letter("exit 1"));
  CHECK(copy.message_id == "id");
  CHECK(copy.time_headers.at("x-rbit-first") == 1234);
  CHECK((copy.headers.at("x-rbit-attempt") == HeaderValue(std::int64_t{4})));
}

TEST_CASE("a dead letter says how many attempts there were and when the last one ended") {
  Fixture f;  // a job without attempt header whose first attempt died with its rbit: two of them
  const auto copy = f.copy.make(f.message, Settlement::dead_letter("signal SEGV", 2));
  CHECK((copy.headers.at("x-rbit-attempt") == HeaderValue(std::int64_t{2})));
  CHECK(copy.time_headers.at("x-rbit-died") == to_seconds(f.clock.wall()));
}

TEST_CASE("a reason has at most 200 characters") {
  Fixture f;
  const auto copy = f.copy.make(f.message, Settlement::dead_letter(std::string(5000, 'x')));
  CHECK(std::get<std::string>(copy.headers.at("x-rbit-reason")).size() <= 200);
}

TEST_CASE("of a message above the size limit the copy holds length and digest") {
  Fixture f;
  f.message.oversized = true;
  f.message.size = 5'000'000;
  f.message.sha256 = "abc";
  const auto copy = f.copy.make(f.message, Settlement::dead_letter("too large"));
  CHECK((copy.headers.at("x-rbit-size") == HeaderValue(std::int64_t{5'000'000})));
  CHECK((copy.headers.at("x-rbit-sha256") == HeaderValue(std::string("abc"))));
}
