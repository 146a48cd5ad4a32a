#include <string>

#include "tests/unit/journal/journal_fixture.h"

using namespace rbit;
using test::JournalFixture;
using State = JobRecord::State;
using Texts = std::vector<std::string>;

TEST_CASE("jobs that are over are forgotten after their time, others are not") {
  JournalFixture house;
  REQUIRE(house.begin(house.job("old")));
  REQUIRE(house.done(house.job("old")));
  REQUIRE(house.settled("old"));
  house.send_all("amqp");
  house.send_all("pybit");
  REQUIRE(house.begin(house.job("unsent")));
  REQUIRE(house.done(house.job("unsent")));
  REQUIRE(house.begin(house.job("running")));
  house.clock.advance(std::chrono::hours(31 * 24));
  REQUIRE(test::run(house.loop, house.journal->prune()));
  CHECK_FALSE(house.journal->find("old"));
  CHECK(house.journal->find("unsent"));
  CHECK(house.journal->find("running")->state == State::running);
  CHECK(house.journal->reports_waiting() == 0);  // too old to be told
  CHECK(house.count("job") == 2);
  CHECK(house.count("attempt") == 0);  // the present ones are in their job's row
}

TEST_CASE("a job that nobody redelivered for a week is somewhere else") {
  test::TempDir dir;
  JournalFixture house(dir / "rbit.db");
  REQUIRE(house.begin(house.job("a")));
  house.die_and_live();
  REQUIRE(house.begin(house.job("b")));
  house.clock.advance(std::chrono::hours(8 * 24));
  REQUIRE(test::run(house.loop, house.journal->prune()));
  CHECK(house.journal->find("a")->state == State::moved);
  CHECK(house.journal->find("b")->state == State::running);
}

TEST_CASE("the outbox has an end: what is not final goes first") {
  JournalLimits limits;
  limits.waiting_reports = 6;
  JournalFixture house(":memory:", limits);
  for (const char* key : {"a", "b", "c", "d"}) {
    REQUIRE(house.begin(house.job(key)));
    REQUIRE(house.done(house.job(key)));
  }
  CHECK(house.journal->reports_waiting() == 6);
  CHECK(house.send_all("amqp") == Texts{"Done:the end", "Done:the end", "Done:the end"});
}

TEST_CASE("ten thousand jobs later the file is no larger than after two thousand") {
  JournalLimits limits;
  limits.jobs = 500;
  JournalFixture house(":memory:", limits);
  const auto one = [&](std::string key) -> Task<void> {
    const Job job = house.job(key);
    Message message;
    message.body = std::string(800, 'x');
    const Report building = house.status(job, Status::building);
    const Report done = house.status(job, Status::done);
    const std::string record = "/r";
    (void)co_await house.journal->begin(job, message, record, building);
    const Outcome outcome;
    const Settlement accept;
    (void)co_await house.journal->finish(job, outcome, accept, done);
    (void)co_await house.journal->settled(key);
  };
  const auto send_all = [&]() -> Task<void> {
    for (const std::string target : {"amqp", "pybit"})
      for (auto due = house.journal->due_reports(target, 0, 1000); !due.empty();
           due = house.journal->due_reports(target, 0, 1000))
        for (const auto& report : due) (void)co_await house.journal->report_sent(report);
  };
  std::int64_t pages = 0;
  for (int i = 0; i < 10'000; i += 100) {
    for (int j = i; j < i + 100; ++j)
      spawn(house.loop.get_executor(), one(std::to_string(j)), "test");
    house.loop.restart();
    house.loop.run();
    test::run(house.loop, send_all());
    auto row = house.database->prepare("PRAGMA page_count");
    REQUIRE(row.step());
    if (i == 1900) pages = row.integer(0);
    if (i > 1900) CHECK(row.integer(0) <= pages + pages / 10);  // free pages come and go
  }
  CHECK(house.count("job") <= 500 + 64);
  CHECK(house.count("outbox") <= 4 * (500 + 64));
  CHECK(house.count("payload") == 0);
  CHECK(house.journal->reports_waiting() == 0);
}
