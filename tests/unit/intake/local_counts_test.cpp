#include "rbit/intake/local_counts.h"

#include <doctest/doctest.h>

#include "rbit/intake/local_dead_letters.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/intake/local_house.h"

using namespace rbit;
using namespace std::chrono_literals;
using test::House;

namespace {

/// "due dead" of a queue.
std::string counted(LocalCounts& counts, const std::string& queue) {
  const auto all = counts.all();
  REQUIRE(all.has_value());
  const auto its = all->find(queue);
  if (its == all->end()) return "0 0";
  return std::to_string(its->second.due) + " " + std::to_string(its->second.dead);
}

}  // namespace

TEST_CASE("what is due and dead is counted once and then kept, whoever changes it") {
  House house;
  house.start();
  for (int i = 0; i < 5; ++i) REQUIRE(house.submit("a", "x"));
  house.credit("a", 5);
  REQUIRE(house.settle(0, Settlement::retry(60s, 2, "exit 75")));
  REQUIRE(house.settle(1, Settlement::dead_letter("exit 1")));
  LocalCounts counts(*house.database);
  CHECK(counted(counts, "a") == "1 1");  // what was there before anybody asked
  CHECK(counted(counts, "b") == "0 0");

  REQUIRE(house.settle(2, Settlement::retry(60s, 2, "exit 75")));
  REQUIRE(house.settle(3, Settlement::dead_letter("exit 1")));
  REQUIRE(house.settle(4, Settlement::accept()));
  CHECK(counted(counts, "a") == "2 2");

  Message later;
  later.queue = "b";
  later.body = "x";
  REQUIRE(test::run(house.loop, house.transport->submit(later, 60s)));
  CHECK(counted(counts, "b") == "1 0");

  house.clock.advance(61s);
  house.settle_down();
  CHECK(counted(counts, "a") == "0 2");
  CHECK(counted(counts, "b") == "0 0");

  LocalDeadLetters letters(*house.database, house.clock, {"a", "b"});
  bool first = true;
  const DeadLetters::Visit visit = [&](DeadLetters::Letter& letter) -> Task<bool> {
    Message fresh = letter.message();
    fresh.queue = "b";
    const auto done = std::exchange(first, false) ? co_await letter.drop()
                                                  : co_await letter.replay(std::move(fresh));
    CHECK(done);
    co_return true;
  };
  REQUIRE(test::run(house.loop, letters.walk("a", visit)));
  CHECK(counted(counts, "a") == "0 0");
  CHECK(counted(counts, "b") == "0 0");
}

TEST_CASE("a change that comes to nothing is not counted") {
  House house;
  house.start();
  REQUIRE(house.submit("a", "x"));
  house.credit("a", 1);
  LocalCounts counts(*house.database);
  CHECK(counted(counts, "a") == "0 0");
  REQUIRE(house.database->execute(
      "CREATE TRIGGER no BEFORE DELETE ON message BEGIN SELECT raise(ABORT, 'no'); END"));
  CHECK_FALSE(house.settle(0, Settlement::dead_letter("exit 1")));  // the letter was there already
  CHECK(house.count("dead") == 0);
  CHECK(counted(counts, "a") == "0 0");
}

TEST_CASE("the next life counts anew, and the file has none of it") {
  const test::TempDir dir;
  House house(dir / "counts.db");
  house.start();
  REQUIRE(house.submit("a", "x"));
  house.credit("a", 1);
  REQUIRE(house.settle(0, Settlement::dead_letter("exit 1")));
  {
    LocalCounts counts(*house.database);
    CHECK(counted(counts, "a") == "0 1");
    CHECK(house.count("sqlite_master WHERE name LIKE '%count%'") == 0);
  }
  house.live_again();
  LocalCounts counts(*house.database);
  CHECK(counted(counts, "a") == "0 1");
}

TEST_CASE("what may go out is counted to the message while it is little, and close to it after") {
  House house;
  house.start();
  CHECK(house.transport->deliverable("a") == 0);
  CHECK(house.transport->deliverable("unknown") == 0);
  for (int i = 0; i < 90; ++i) REQUIRE(house.submit("a", "x"));
  CHECK(house.transport->deliverable("a") == 90);
  house.credit("a", 10);
  CHECK(house.transport->deliverable("a") == 80);
  house.credit("a", 0);
  house.got.erase(house.got.begin(), house.got.begin() + 3);  // they go back
  CHECK(house.transport->deliverable("a") == 83);
  REQUIRE(house.settle(0, Settlement::retry(60s, 2, "exit 75")));  // not now
  REQUIRE(house.settle(1, Settlement::accept()));
  CHECK(house.transport->deliverable("a") == 83);
  house.clock.advance(61s);
  house.settle_down();
  CHECK(house.transport->deliverable("a") == 84);
  for (int i = 0; i < 200; ++i) REQUIRE(house.submit("a", "x"));
  CHECK(house.transport->deliverable("a") >= 284);
  CHECK(house.transport->deliverable("a") <= 284 + 64);
  CHECK(house.transport->deliverable("b") == 0);
}

TEST_CASE("what an earlier life left is counted, not what it took before") {
  const test::TempDir dir;
  House house(dir / "deliverable.db");
  house.start();
  for (int i = 0; i < 300; ++i) REQUIRE(house.submit("a", "x"));
  house.credit("a", 150);
  for (std::size_t i = 0; i < 140; ++i) REQUIRE(house.settle(i, Settlement::accept()));
  house.wait_for_messages(160);
  house.live_again();
  CHECK(house.transport->deliverable("a") >= 160);
  CHECK(house.transport->deliverable("a") <= 160 + 64);
  house.credit("a", 100);
  CHECK(house.transport->deliverable("a") == 60);
}

TEST_CASE("no count looks through a table: both ends of an index, or its first entries") {
  House house;
  const auto plan = [&](const char* sql) {
    std::string out;
    auto row = house.database->prepare(std::string("EXPLAIN QUERY PLAN ") + sql);
    while (row.step().value()) out += row.text(3) + "\n";
    return out;
  };
  const auto first = plan(
      "SELECT count(*) FROM (SELECT 1 FROM message WHERE queue = ? AND due = 0 AND place > ? AND "
      "place <= ? LIMIT ?)");
  CHECK(first.find("SEARCH message USING INDEX message_place (queue=? AND place>?") !=
        std::string::npos);
  CHECK(first.find("SCAN message") == std::string::npos);
  CHECK(plan("SELECT max(place) FROM message WHERE queue = ? AND due = 0") ==
        "SEARCH message USING INDEX message_place (queue=?)\n");
}
