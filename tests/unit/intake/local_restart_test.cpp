// The embedded queue after rbit's death: what it had given out comes again, marked.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "tests/support/temp_dir.h"
#include "tests/unit/intake/local_house.h"

using namespace rbit;
using test::House;
using test::TempDir;

TEST_CASE("what was out when rbit ended is there again, marked; what was not is not") {
  TempDir dir;
  House house(dir.path() + "/rbit.db");
  house.start();
  for (const char* body : {"1", "2", "3"}) REQUIRE(house.submit("a", body));
  house.credit("a", 2);
  REQUIRE(house.got.size() == 2);

  for (int life = 0; life < 2; ++life) {
    test::run(house.loop, house.transport->close());
    house.database->flush();
    house.live_again();
    house.credit("a", 9);
    CHECK(house.bodies() == "1 2 3 ");
    CHECK(house.got[0].message().redelivered);
    CHECK(house.got[1].message().redelivered);
    CHECK(house.got[2].message().redelivered == (life == 1));
  }
  for (std::size_t i = 0; i < 3; ++i) REQUIRE(house.settle(i, Settlement::accept()));
  REQUIRE(house.submit("a", "4"));
  CHECK_FALSE(house.got[3].message().redelivered);
}

TEST_CASE("what was out when rbit died is there again, marked, and a few behind it are, too") {
  TempDir dir;
  House house(dir.path() + "/rbit.db");
  house.start();
  for (const char* body : {"1", "2", "3"}) REQUIRE(house.submit("a", body));
  house.credit("a", 2);
  house.live_again();
  house.credit("a", 9);
  CHECK(house.bodies() == "1 2 3 ");
  CHECK(house.got[0].message().redelivered);
  CHECK(house.got[1].message().redelivered);
  CHECK(house.got[2].message().redelivered);  // noted ahead
  REQUIRE(house.submit("a", "4"));
  CHECK_FALSE(house.got[3].message().redelivered);  // it is new
}

TEST_CASE("what was accepted is gone soon, and counted no more at once") {
  TempDir dir;
  House house(dir.path() + "/rbit.db");
  house.start();
  for (const char* body : {"1", "2"}) REQUIRE(house.submit("a", body));
  house.credit("a", 1);
  REQUIRE(house.settle(0, Settlement::accept()));
  CHECK(house.transport->waiting("a") == 1);
  CHECK(house.count("message") == 2);
  REQUIRE(house.submit("a", "3"));
  CHECK(house.transport->waiting("a") == 2);
  house.wait_for_messages(2);
  CHECK(house.transport->waiting("a") == 2);
  house.live_again();
  house.credit("a", 9);
  CHECK(house.bodies() == "2 3 ");
}

TEST_CASE("a message comes even if the note of how far its queue was read could not be written") {
  // Once it got a place that was read before, and waited there for the next start.
  House house;
  house.start();
  house.credit("a", 1);
  REQUIRE(house.submit("a", "one"));
  REQUIRE(house.settle(0, Settlement::accept()));
  REQUIRE(house.database->execute("DELETE FROM message_cursor"));
  house.credit("a", 1);
  REQUIRE(house.submit("a", "two"));
  CHECK(house.bodies() == "one two ");
}

TEST_CASE("how far a queue was read is noted again when a message that came back goes out") {
  TempDir dir;
  House house(dir.path() + "/rbit.db");
  house.start();
  house.credit("a", 1);
  REQUIRE(
      house.database->execute("CREATE TRIGGER sick BEFORE INSERT ON message_cursor "
                              "BEGIN SELECT RAISE(ABORT, 'sick'); END"));
  REQUIRE(house.submit("a", "one"));
  REQUIRE(house.got.size() == 1);
  REQUIRE(house.database->execute("DROP TRIGGER sick"));
  house.drop_all();
  house.credit("a", 1);
  REQUIRE(house.got.size() == 1);
  CHECK(house.got[0].message().redelivered);

  house.live_again();  // before it is settled
  house.credit("a", 1);
  REQUIRE(house.got.size() == 1);
  CHECK(house.got[0].message().redelivered);
}

TEST_CASE("how far a queue was read is noted with the next message if it could not be before") {
  TempDir dir;
  House house(dir.path() + "/rbit.db");
  house.start();
  house.credit("a", 2);
  REQUIRE(
      house.database->execute("CREATE TRIGGER sick BEFORE INSERT ON message_cursor "
                              "BEGIN SELECT RAISE(ABORT, 'sick'); END"));
  REQUIRE(house.submit("a", "one"));
  REQUIRE(house.database->execute("DROP TRIGGER sick"));
  REQUIRE(house.submit("a", "two"));
  REQUIRE(house.got.size() == 2);

  house.live_again();
  house.credit("a", 2);
  REQUIRE(house.got.size() == 2);
  for (const Delivery& one : house.got) CHECK(one.message().redelivered);
}

TEST_CASE("a delay goes on after a restart") {
  TempDir dir;
  House house(dir.path() + "/rbit.db");
  house.start();
  REQUIRE(house.submit("a", "1"));
  house.credit("a", 1);
  REQUIRE(house.settle(0, Settlement::retry(std::chrono::seconds(30), 2, "")));
  house.live_again();
  house.credit("a", 1);
  CHECK(house.got.empty());
  house.clock.advance(std::chrono::seconds(30));
  house.settle_down();
  CHECK(house.bodies() == "1 ");
}

TEST_CASE("what was submitted before SIGKILL is there after it, once") {
  TempDir dir;
  const std::string file = dir.path() + "/rbit.db";
  int told[2];
  REQUIRE(::pipe(told) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    House house(file);
    house.start();
    for (int i = 0; house.submit("a", std::to_string(i)) && ::write(told[1], "+", 1) == 1; ++i) {
    }
    ::_exit(1);
  }
  ::close(told[1]);
  std::int64_t heard = 0;
  char buffer[16];
  for (bool killed = false;;) {
    const auto count = ::read(told[0], buffer, sizeof buffer);
    if (count <= 0) break;
    heard += count;
    if (heard >= 20 && !killed) ::kill(child, SIGKILL);
    killed = killed || heard >= 20;
  }
  ::close(told[0]);
  ::waitpid(child, nullptr, 0);

  asio::io_context loop;
  auto database = Database::open(loop.get_executor(), file);
  REQUIRE(database);
  auto row = (*database)->prepare("SELECT count(*), count(DISTINCT body) FROM message");
  REQUIRE(row.step());
  CHECK(row.integer(0) >= heard);
  CHECK(row.integer(0) <= heard + 1);
  CHECK(row.integer(0) == row.integer(1));
}
