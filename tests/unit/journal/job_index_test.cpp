#include "rbit/journal/job_index.h"

#include <string>
#include <vector>

#include "rbit/journal/history.h"
#include "tests/unit/journal/journal_fixture.h"

using namespace rbit;
using test::JournalFixture;
using State = JobRecord::State;

namespace {

/// Does so many jobs from beginning to end, all at a time.
void do_jobs(JournalFixture& house, const std::string& name, std::size_t count) {
  std::size_t good = 0;
  const auto one = [&](std::string key) -> Task<void> {
    Job job = house.job(key);
    job.request.job_id = "9" + std::to_string(std::hash<std::string>()(key) % 100'000'000);
    Message message;
    message.body = "body";
    const Report building = house.status(job, Status::building);
    const Report done = house.status(job, Status::done);
    const std::string record = "/r";
    Outcome outcome;
    outcome.kind = Outcome::Kind::done;
    const Settlement accept;
    const auto begun = co_await house.journal->begin(job, message, record, building);
    const auto finished = co_await house.journal->finish(job, outcome, accept, done);
    const auto settled = co_await house.journal->settled(key);
    if (begun && finished && settled) ++good;
  };
  for (std::size_t i = 0; i < count; ++i)
    spawn(house.loop.get_executor(), one(name + std::to_string(i)), "test");
  house.loop.restart();
  house.loop.run();
  REQUIRE(good == count);
}

std::int64_t mark(JournalFixture& house) {
  auto row = house.database->prepare("SELECT mark FROM job_mark");
  REQUIRE(row.step());
  return row.integer(0);
}

}  // namespace

TEST_CASE("a job is found by its names on both sides of the mark, in each life") {
  const test::TempDir dir;
  JournalFixture house(dir / "rbit.db");
  house.targets.clear();
  house.die_and_live();
  Job long_one = house.job("long");
  REQUIRE(house.begin(long_one));
  Job lost_one = house.job("lost");
  lost_one.digest = "the digest";
  REQUIRE(house.begin(lost_one));
  CHECK(mark(house) == 0);
  do_jobs(house, "a", JobIndex::many);
  REQUIRE(mark(house) > 0);
  do_jobs(house, "b", 10);
  CHECK(house.count("job_open") >= 2);  // and some whose accept was on its way
  for (int life = 0; life < 2; ++life) {
    CHECK(house.journal->find("a0")->state == State::done);
    CHECK(house.journal->find("a0")->settled);
    CHECK(house.journal->find("a" + std::to_string(JobIndex::many - 1))->state == State::done);
    CHECK(house.journal->find("b9")->state == State::done);
    CHECK_FALSE(house.journal->find("a"));
    CHECK_FALSE(house.journal->find("c0"));
    CHECK(house.journal->find("long")->state == State::running);
    CHECK(house.journal->unfinished("36").size() == 2);
    CHECK(house.journal->held_twins("the digest") == std::vector<std::string>{"lost"});
    CHECK(History(*house.database).job("a7")->job.key == "a7");
    CHECK(History(*house.database).job("b7")->job.key == "b7");
    CHECK(History(*house.database).job(house.journal->find("a7")->job_id)->job.key == "a7");
    CHECK(house.journal->open_attempts()->size() == (life == 0 ? 0u : 2u));
    if (life == 0) house.die_and_live();
  }

  // What ends below the mark is lifted above it, with all that it has.
  REQUIRE(test::run(house.loop, house.journal->joined("long")));
  REQUIRE(house.done(long_one));
  REQUIRE(house.settled("long"));
  for (int life = 0; life < 2; ++life) {
    CHECK(house.journal->find("long")->state == State::done);
    const auto history = History(*house.database).job("long");
    REQUIRE(history);
    CHECK(history->attempts.size() == 1);
    CHECK(history->deliveries.size() == 1);
    CHECK(house.journal->open_attempts()->size() == 1);
    CHECK(History(*house.database).jobs(1)[0].key == "long");
    house.die_and_live();
  }
  CHECK(house.count("job") == static_cast<std::int64_t>(JobIndex::many) + 12);
}

TEST_CASE("a key that is asked for again, long after, is one job still") {
  JournalFixture house;
  house.targets.clear();
  REQUIRE(house.begin(house.job("again")));
  REQUIRE(house.done(house.job("again")));
  REQUIRE(house.settled("again"));
  do_jobs(house, "a", JobIndex::many);
  REQUIRE(mark(house) > 0);
  REQUIRE(house.begin(house.job("again")));
  CHECK(house.journal->find("again")->state == State::running);
  const auto history = History(*house.database).job("again");
  REQUIRE(history);
  CHECK(history->run == 2);
  CHECK(history->attempts.size() == 2);
  CHECK(house.count("job") == static_cast<std::int64_t>(JobIndex::many) + 1);
}

TEST_CASE("a mark that did not come to be leaves the names where they were") {
  JournalFixture house;
  house.targets.clear();
  JobIndex index(*house.database);
  house.database->on_undone([&index] { index.forget(); });
  for (std::size_t i = 0; i < JobIndex::many; ++i) {
    const std::string key = "k" + std::to_string(i);
    REQUIRE(house.database->run(
        "INSERT INTO job(key, queue, runner, job_id, package, version, digest, web_host, state, "
        "claim, begun, touched) VALUES(?, '', '', '', '', '', '', '', 'done', 'settled', 1, 1)",
        key));
  }
  for (const bool fails : {true, false}) {
    Database::Change change = [&](Database&) -> Result<void> {
      const auto tidied = index.tidy();
      REQUIRE(tidied);
      CHECK(house.count("job_name") == static_cast<std::int64_t>(JobIndex::many));
      return fails ? Result<void>(Error{"test", "no", ""}) : tidied;
    };
    const auto written =
        test::run(house.loop, house.database->write(Durability::process, std::move(change)));
    CHECK(written.has_value() == !fails);
    CHECK((mark(house) == 0) == fails);
    CHECK(index.find("k0").value() == 1);
    CHECK(index.find("k4095").value() == 4096);
    CHECK_FALSE(index.find("k4096").value());
    CHECK(index.count().value() == 4096);
  }
}

TEST_CASE("an accept that is reached is known at once, and on record with the next commit") {
  const test::TempDir dir;
  JournalFixture house(dir / "rbit.db");
  for (const bool dies : {true, false}) {
    const std::string key = dies ? "a" : "b";
    REQUIRE(house.begin(house.job(key)));
    REQUIRE(house.done(house.job(key)));
    REQUIRE(house.settled(key));
    CHECK(house.journal->find(key)->settled);
    if (!dies) REQUIRE(house.begin(house.job("next")));
    house.die_and_live();
    CHECK(house.journal->find(key)->settled == !dies);
    CHECK(house.journal->find(key)->settlement.kind == Settlement::Kind::accept);
  }
}

TEST_CASE("an accept of a run that is over says nothing of the next one") {
  JournalFixture house;
  REQUIRE(house.begin(house.job("a")));
  REQUIRE(house.done(house.job("a")));
  REQUIRE(house.settled("a"));
  REQUIRE(house.begin(house.job("a")));
  CHECK_FALSE(house.journal->find("a")->settled);
  REQUIRE(house.done(house.job("a")));
  CHECK_FALSE(house.journal->find("a")->settled);
}

TEST_CASE("of a job that was pruned nothing is found") {
  JournalLimits limits;
  limits.jobs = 100;
  JournalFixture house(":memory:", limits);
  house.targets.clear();
  house.die_and_live();
  do_jobs(house, "a", JobIndex::many + 500);
  for (int i = 0; i < 40; ++i) REQUIRE(test::run(house.loop, house.journal->prune()));
  CHECK(house.count("job") == 100);
  CHECK_FALSE(house.journal->find("a0"));
  CHECK_FALSE(History(*house.database).job("a0"));
  do_jobs(house, "b", JobIndex::many);
  CHECK(house.count("job_name") <= 2 * 2 * static_cast<std::int64_t>(JobIndex::many));
}
