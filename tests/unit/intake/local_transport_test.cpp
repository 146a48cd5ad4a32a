#include "rbit/intake/local_transport.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "rbit/base/text.h"
#include "rbit/core/message_codec.h"
#include "tests/unit/intake/local_house.h"

using namespace rbit;
using test::House;

namespace {

std::string header(const Message& message, const std::string& name) {
  const auto found = message.headers.find(name);
  if (found == message.headers.end()) return "";
  if (const auto* text = std::get_if<std::string>(&found->second)) return *text;
  if (const auto* number = std::get_if<std::int64_t>(&found->second))
    return std::to_string(*number);
  return "?";
}

}  // namespace

TEST_CASE("messages come in order, as many as are welcome") {
  House house;
  house.start();
  for (const char* body : {"1", "2", "3"}) REQUIRE(house.submit("a", body));
  CHECK(house.got.empty());
  CHECK(house.transport->waiting("a") == 3);
  house.credit("a", 2);
  CHECK(house.bodies() == "1 2 ");
  CHECK(house.transport->waiting("a") == 1);
  house.credit("a", 1);
  CHECK(house.bodies() == "1 2 3 ");
  CHECK_FALSE(house.got[0].message().redelivered);
  house.credit("a", 1);
  CHECK(house.got.size() == 3);
  REQUIRE(house.submit("a", "4"));  // arrives while somebody waits for it
  CHECK(house.bodies() == "1 2 3 4 ");
}

TEST_CASE("a message that was given back and cannot be read now is not forgotten") {
  House house;
  house.start();
  REQUIRE(house.submit("a", "1"));
  house.credit("a", 2);  // it has looked for a second one
  REQUIRE(house.bodies() == "1 ");
  house.credit("a", 0);
  house.drop_all();
  REQUIRE(house.database->execute(
      "ALTER TABLE message RENAME TO kept; CREATE VIEW message AS SELECT id, queue, place, due, "
      "first, properties, abs(-9223372036854775807 - 1) AS body FROM kept"));
  house.credit("a", 1);
  CHECK(house.got.empty());
  REQUIRE(house.database->execute("DROP VIEW message; ALTER TABLE kept RENAME TO message"));
  house.credit("a", 1);
  CHECK(house.bodies() == "1 ");
}

TEST_CASE("a queue that could not be read is read again, though nobody asks") {
  House house;
  house.start();
  house.credit("a", 1);
  REQUIRE(house.database->execute(
      "ALTER TABLE message RENAME TO kept; CREATE VIEW message AS SELECT id, queue, "
      "abs(-9223372036854775807 - 1) AS place, due, first, properties, body FROM kept; "
      "INSERT INTO kept(queue, place, first, properties, body) VALUES('a', 1, 0, '{}', '1')"));
  house.transport->look_again("a");
  house.settle_down();
  CHECK(house.got.empty());
  house.clock.advance(std::chrono::seconds(1));
  house.settle_down();
  CHECK(house.got.empty());
  REQUIRE(house.database->execute("DROP VIEW message; ALTER TABLE kept RENAME TO message"));
  house.clock.advance(std::chrono::seconds(1));
  house.settle_down();
  CHECK(house.bodies() == "1 ");
}

TEST_CASE("a message goes in and comes out whole") {
  House house;
  house.start();
  Message message;
  message.queue = "b";
  message.body = std::string("x\0\xff", 3);
  message.message_id = "id-1";
  message.content_type = "application/json";
  message.headers["n"] = std::int64_t{5};
  const auto key = test::run(house.loop, house.transport->submit(message));
  REQUIRE(key);
  CHECK(*key == "id-1");
  house.credit("b", 1);
  REQUIRE(house.got.size() == 1);
  CHECK(house.got[0].message().queue == "b");
  CHECK(house.got[0].message().body == message.body);
  CHECK(house.got[0].message().message_id == "id-1");
  CHECK(house.got[0].message().content_type == "application/json");
  CHECK(house.got[0].message().headers == message.headers);
}

TEST_CASE("a message without an id gets one; a queue nobody takes from is refused") {
  House house;
  house.start();
  const auto one = house.submit("a", "x"), other = house.submit("a", "x");
  REQUIRE(one);
  REQUIRE(other);
  CHECK(one->size() == 36);
  CHECK(*one != *other);
  const auto refused = house.submit("c", "x");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().thing == "queue c");
  CHECK(refused.error().cure == "its queues: a, b");
}

TEST_CASE("messages that come back at once hold up nobody else on the loop") {
  House house;
  house.start();
  int deliveries = 0;
  const auto give_back = [&](Delivery) {
    ++deliveries;
    house.transport->set_credit("a", 1);  // it has left a slot free, and goes back
  };
  house.transport = std::make_unique<LocalTransport>(house.loop.get_executor(), *house.database,
                                                     house.clock, "worker");
  house.transport->start({"a"}, give_back);
  REQUIRE(house.submit("a", "1"));
  house.transport->set_credit("a", 1);
  bool had_a_turn = false;
  asio::post(house.loop, [&] {
    asio::post(house.loop, [&] {
      had_a_turn = true;
      house.transport->stop_taking();
    });
  });
  house.settle_down();
  CHECK(had_a_turn);
  CHECK(deliveries > 1);
  CHECK(house.transport->waiting("a") == 1);
}

TEST_CASE("queues take turns") {
  House house;
  house.start();
  for (const char* body : {"a1", "a2", "a3"}) REQUIRE(house.submit("a", body));
  for (const char* body : {"b1", "b2", "b3"}) REQUIRE(house.submit("b", body));
  house.transport->set_credit("a", 3);
  house.transport->set_credit("b", 3);
  house.settle_down();
  REQUIRE(house.got.size() == 6);
  for (std::size_t i = 0; i < 6; i += 2)
    CHECK(house.got[i].message().queue != house.got[i + 1].message().queue);
}

TEST_CASE("accepted is gone") {
  House house;
  house.start();
  REQUIRE(house.submit("a", "1"));
  house.credit("a", 1);
  REQUIRE(house.settle(0, Settlement::accept()));
  CHECK(house.transport->waiting("a") == 0);
  house.wait_for_messages(0);
  CHECK(house.transport->waiting("a") == 0);
  REQUIRE(house.submit("a", "2"));  // goes behind what was, though nothing is there any more
  house.credit("a", 1);
  CHECK(house.got.size() == 2);
}

TEST_CASE("dropped goes back behind the others, and needs a new welcome") {
  House house;
  house.start();
  for (const char* body : {"1", "2"}) REQUIRE(house.submit("a", body));
  house.credit("a", 1);
  CHECK(house.bodies() == "1 ");
  house.drop_all();
  CHECK(house.got.empty());  // no hot loop
  CHECK(house.transport->waiting("a") == 2);
  REQUIRE(house.submit("a", "3"));  // came later than the drop
  house.credit("a", 3);
  CHECK(house.bodies() == "2 1 3 ");
  CHECK_FALSE(house.got[0].message().redelivered);
  CHECK(house.got[1].message().redelivered);
  REQUIRE(house.settle(1, Settlement::requeue()));
  house.credit("a", 1);
  CHECK(house.bodies() == "2 1 3 1 ");
}

TEST_CASE("to be tried again: after the delay, with the attempt, and the same key") {
  House house;
  house.start();
  REQUIRE(house.submit("a", "1"));
  house.credit("a", 5);
  const std::string key = key_of(house.got[0].message());
  REQUIRE(house.settle(0, Settlement::retry(std::chrono::minutes(5), 2, "exit 75")));
  CHECK(house.got.size() == 1);
  CHECK(house.transport->waiting("a") == 1);
  house.clock.advance(std::chrono::minutes(4));  // looks now and then, for the clock may be set
  house.settle_down();
  while (house.got.size() == 1 && house.clock.advance_to_next()) house.settle_down();
  REQUIRE(house.got.size() == 2);
  CHECK(house.clock.wall() >= from_micros((test::ManualClock::start_seconds + 300) * 1'000'000));
  const Message& again = house.got[1].message();
  CHECK(again.body == "1");
  CHECK(attempt_of(again) == 2);
  CHECK(key_of(again) == key);
  CHECK(header(again, "x-rbit-reason") == "exit 75");
  CHECK(header(again, "x-rbit-first") == std::to_string(test::ManualClock::start_seconds));
  REQUIRE(house.settle(1, Settlement::retry(std::chrono::milliseconds(0), 3, "")));
  while (house.got.size() == 2 && house.clock.advance_to_next()) house.settle_down();
  CHECK(attempt_of(house.got[2].message()) == 3);
}

TEST_CASE("a clock that is set changes no delay") {
  // Once a retry in a minute came after an hour and a minute when the clock was set an hour back.
  for (const auto jump : {std::chrono::hours(-1), std::chrono::hours(1)}) {
    House house;
    house.start();
    REQUIRE(house.submit("a", "1"));
    REQUIRE(house.submit("a", "2"));
    house.credit("a", 5);
    REQUIRE(house.settle(0, Settlement::retry(std::chrono::seconds(30), 2, "")));
    house.clock.jump(jump);
    REQUIRE(house.settle(1, Settlement::retry(std::chrono::seconds(40), 2, "")));
    house.clock.advance(std::chrono::seconds(29));
    house.settle_down();
    CHECK(house.got.size() == 2);
    house.clock.advance(std::chrono::seconds(2));
    house.settle_down();
    CHECK(house.got.size() == 3);
    house.clock.jump(jump);
    house.clock.advance(std::chrono::seconds(10));
    house.settle_down();
    CHECK(house.got.size() == 4);
  }
}

TEST_CASE("the earlier of two delays is not held up by the later") {
  House house;
  house.start();
  for (const char* body : {"late", "soon"}) REQUIRE(house.submit("a", body));
  house.credit("a", 9);
  REQUIRE(house.settle(0, Settlement::retry(std::chrono::seconds(50), 2, "")));
  REQUIRE(house.settle(1, Settlement::retry(std::chrono::seconds(10), 2, "")));
  house.clock.advance(std::chrono::seconds(10));
  house.settle_down();
  CHECK(house.bodies() == "late soon soon ");
  house.clock.advance(std::chrono::seconds(40));
  house.settle_down();
  CHECK(house.bodies() == "late soon soon late ");
}

TEST_CASE("a dead letter is kept as it was, with the reason") {
  House house;
  house.start();
  REQUIRE(house.submit("a", "bad", "id-1"));
  house.credit("a", 1);
  REQUIRE(house.settle(0, Settlement::dead_letter("undecodable: no JSON")));
  CHECK(house.count("message") == 0);
  auto row = house.database->prepare("SELECT queue, reason, properties, body FROM dead");
  REQUIRE(row.step());
  CHECK(row.text(0) == "a");
  CHECK(row.text(1) == "undecodable: no JSON");
  CHECK(row.blob(3) == "bad");
  Message dead;
  properties_from_json(row.text(2), dead);
  CHECK(dead.message_id == "id-1");
  CHECK(header(dead, "x-rbit-reason") == "undecodable: no JSON");
  CHECK(header(dead, "x-rbit-queue") == "a");
  CHECK(header(dead, "x-rbit-worker") == "worker");
  CHECK_FALSE(header(dead, "x-rbit-first").empty());
}

TEST_CASE("of a body above 4 MiB the first 64 KiB, its length and its hash") {
  House house;
  house.start();
  const std::string body(5'000'000, 'x');
  REQUIRE(house.submit("a", body));
  house.credit("a", 1);
  const Message& message = house.got[0].message();
  CHECK(message.oversized);
  CHECK(message.body.size() == 65536);
  CHECK(message.size == body.size());
  CHECK(message.sha256 == text::sha256_hex(body));
  REQUIRE(house.settle(0, Settlement::dead_letter("too large")));
  auto row = house.database->prepare("SELECT properties, length(body) FROM dead");
  REQUIRE(row.step());
  CHECK(row.integer(1) == 65536);
  Message dead;
  properties_from_json(row.text(0), dead);
  CHECK(header(dead, "x-rbit-size") == "5000000");
  CHECK(header(dead, "x-rbit-sha256") == text::sha256_hex(body));
}

TEST_CASE("nothing comes after stop_taking, and tokens are void after close") {
  House house;
  house.start();
  for (const char* body : {"1", "2"}) REQUIRE(house.submit("a", body));
  house.credit("a", 1);
  house.transport->stop_taking();
  house.credit("a", 1);
  CHECK(house.got.size() == 1);
  CHECK_FALSE(house.got[0].is_void());
  test::run(house.loop, house.transport->close());
  CHECK(house.got[0].is_void());
  CHECK_FALSE(house.settle(0, Settlement::accept()));
  house.transport.reset();
  house.drop_all();
  CHECK(house.count("message") == 2);
}

TEST_CASE("submitted where no rbit runs") {
  House house;
  Message message;
  message.queue = "a";
  message.body = "1";
  const std::vector<std::string> queues{"a"};
  REQUIRE(test::run(
      house.loop, LocalTransport::submit_straight(*house.database, house.clock, queues, message)));
  message.queue = "b";
  CHECK_FALSE(test::run(
      house.loop, LocalTransport::submit_straight(*house.database, house.clock, queues, message)));
  house.start();
  house.credit("a", 1);
  CHECK(house.bodies() == "1 ");
}
