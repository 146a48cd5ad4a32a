#include "rbit/journal/cancel_table.h"

#include "rbit/core/job_name.h"
#include "tests/unit/journal/journal_fixture.h"

using namespace rbit;
using test::JournalFixture;

TEST_CASE("cancels of jobs not seen yet are kept for a week") {
  JournalFixture house;
  CHECK_FALSE(house.journal->has_cancel("36"));
  REQUIRE(test::run(house.loop, house.journal->record_cancel("36")));
  REQUIRE(test::run(house.loop, house.journal->record_cancel("36")));
  CHECK(house.journal->has_cancel("36"));
  house.clock.advance(std::chrono::hours(7 * 24 + 1));
  CHECK_FALSE(house.journal->has_cancel("36"));
  REQUIRE(test::run(house.loop, house.journal->prune()));
  CHECK(house.count("tombstone") == 0);
}

TEST_CASE(
    "a cancel of a job that is over is not kept, one that came too late goes with the verdict") {
  JournalFixture house;
  const auto cancel = [&] { return test::run(house.loop, house.journal->record_cancel("36")); };
  const Job job = house.job("a");
  REQUIRE(house.begin(job));
  REQUIRE(house.journal->unfinished("36").size() == 1);
  CHECK(house.journal->unfinished("36")[0].key == "a");
  CHECK(cancel().value());
  REQUIRE(house.finish(job, Outcome::Kind::blocked, Settlement::retry({}, 2, ""), Status::blocked));
  CHECK(house.journal->has_cancel("36"));
  CHECK(house.journal->unfinished("36").size() == 1);
  const Job again = house.job("a", 2);
  REQUIRE(house.begin(again));
  REQUIRE(house.finish(again, Outcome::Kind::done, Settlement::accept(), Status::done));
  CHECK_FALSE(house.journal->has_cancel("36"));
  CHECK(house.journal->unfinished("36").empty());
  CHECK_FALSE(cancel().value());
  CHECK_FALSE(house.journal->has_cancel("36"));
  // The same id in another message that has no end yet.
  REQUIRE(house.begin(house.job("b")));
  CHECK(cancel().value());
}

TEST_CASE("no cancel is of a job without a number") {
  JournalFixture house;
  for (const char* key : {"a", "b"}) {
    Job job = house.job(key);
    job.request = {};
    REQUIRE(house.begin(job));
  }
  CHECK(house.journal->unfinished("").empty());
  const auto recorded = test::run(house.loop, house.journal->record_cancel(""));
  REQUIRE(recorded.has_value());
  CHECK_FALSE(*recorded);
  CHECK(house.count("tombstone") == 0);
  REQUIRE(house.database->run("INSERT INTO tombstone(job_id, time) VALUES('', ?)",
                              to_micros(house.clock.wall())));
  CHECK_FALSE(house.journal->has_cancel(""));
}

TEST_CASE("of cancels only so many are kept, the youngest") {
  JournalLimits limits;
  limits.most_cancels = 3;
  JournalFixture house(":memory:", limits);
  for (const std::string id : {"1", "2", "3", "4"}) {
    REQUIRE(test::run(house.loop, house.journal->record_cancel(id)));
    house.clock.advance(std::chrono::seconds(1));
  }
  CHECK(house.count("tombstone") == 3);
  CHECK_FALSE(house.journal->has_cancel("1"));
  CHECK(house.journal->has_cancel("4"));
}

TEST_CASE("a cancel by key is forgotten when its job is over, and has nothing to do with numbers") {
  test::TempDir dir;
  test::JournalFixture house(dir / "rbit.db");
  const std::string mark = cancel_of("36");
  CHECK_FALSE(house.journal->has_cancel(mark));
  REQUIRE(test::run(house.loop, house.journal->record_cancel(mark)));
  CHECK(house.journal->has_cancel(mark));
  CHECK_FALSE(house.journal->has_cancel("36"));
  CHECK_FALSE(house.journal->has_cancel(cancel_of("3")));
  house.die_and_live();
  CHECK(house.journal->has_cancel(mark));
  REQUIRE(house.begin(house.job("other")));
  REQUIRE(house.done(house.job("other")));
  CHECK(house.journal->has_cancel(mark));
  REQUIRE(house.begin(house.job("36")));
  REQUIRE(house.done(house.job("36")));
  CHECK_FALSE(house.journal->has_cancel(mark));
}
