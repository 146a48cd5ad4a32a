// What jobs publish into the embedded queue.
#include <doctest/doctest.h>

#include "rbit/core/message_codec.h"
#include "tests/support/log_capture.h"
#include "tests/unit/intake/local_house.h"

using namespace rbit;
using namespace std::chrono_literals;
using test::House;

namespace {

Publication to(const std::string& queue, const std::string& body) {
  Publication one;
  one.to = {"", queue};
  one.body = Body(body);
  one.properties.headers["x-kind"] = std::string("a");
  return one;
}

/// As the journal does it: within the Change of a verdict, which may fail after it.
bool publish(House& house, const std::vector<Publication>& all, bool fail = false) {
  Database::Change change = [&](Database& in) -> Result<void> {
    for (std::size_t i = 0; i < all.size(); ++i)
      if (auto put = house.transport->enqueue(all[i], "id-" + std::to_string(i)); !put) return put;
    CHECK(house.got.empty());
    if (fail) return Error{"the verdict", "is not written", ""};
    return in.run("DELETE FROM dead");
  };
  const bool done =
      test::run(house.loop, house.database->write(Durability::power, std::move(change)))
          .has_value();
  house.settle_down();
  return done;
}

}  // namespace

TEST_CASE("what is published comes after its commit, by its id, in order") {
  House house;
  house.start();
  house.credit("a", 5);
  CHECK(publish(house, {to("a", "1"), to("b", "x"), to("a", "2")}));
  CHECK(house.bodies() == "1 2 ");
  const Message& first = house.got[0].message();
  CHECK(first.message_id == "id-0");
  CHECK(first.routing_key == "a");
  CHECK(first.headers.at("x-kind") == HeaderValue(std::string("a")));
  CHECK_FALSE(first.redelivered);
  CHECK(house.transport->waiting("b") == 1);
}

TEST_CASE("of a transaction that is rolled back nothing stays") {
  House house;
  house.start();
  house.credit("a", 5);
  CHECK_FALSE(publish(house, {to("a", "1")}, true));
  CHECK(house.got.empty());
  CHECK(house.count("message") == 0);
  CHECK(publish(house, {to("a", "1")}));
  CHECK(house.bodies() == "1 ");
}

TEST_CASE("a delayed one comes when its time has come, also after a restart") {
  House house;
  house.start();
  house.credit("a", 5);
  Publication late = to("a", "late");
  late.delay = 30s;
  CHECK(publish(house, {late, to("a", "now")}));
  CHECK(house.bodies() == "now ");
  house.clock.advance(29s);
  house.settle_down();
  CHECK(house.bodies() == "now ");
  house.clock.advance(2s);
  house.settle_down();
  CHECK(house.bodies() == "now late ");
}

TEST_CASE("what cannot be published there says why; an answer to nobody is dropped with a line") {
  House house;
  house.start();
  CHECK(house.transport->mistake_of({"", "a"}) == "");
  CHECK(house.transport->mistake_of({"", "c"}) ==
        "no runner of this configuration takes from it (its queues: a, b)");
  CHECK(house.transport->mistake_of({"e", "a"}).starts_with("the embedded queue has no exchanges"));
  log::Settings settings;
  settings.level = log::Level::debug;
  const test::LogCapture log(settings);
  Publication answer = to("nobody", "x");
  answer.is_reply = true;
  CHECK(publish(house, {answer, to("gone", "y")}));
  CHECK(house.count("message") == 0);
  CHECK(log.lines("message id-0 to :nobody is dropped: no runner").size() == 1);
  CHECK(log.lines("ERROR").size() == 1);
}
