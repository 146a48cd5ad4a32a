// What jobs publish, as rows of the outbox.
#include <limits>

#include "tests/unit/journal/journal_fixture.h"

using namespace rbit;
using test::JournalFixture;

namespace {

struct PublishingFixture : JournalFixture {
  static Publication to(const std::string& exchange, const std::string& key,
                        const std::string& body) {
    Publication one;
    one.to = {exchange, key};
    one.body = Body(body);
    return one;
  }
  bool finish_with(const Job& job, Outcome::Kind kind, const Settlement& settlement,
                   std::vector<Publication> leaving) {
    Outcome outcome;
    outcome.kind = kind;
    const Status told = kind == Outcome::Kind::done ? Status::done : Status::blocked;
    return test::run(loop, journal->finish(job, outcome, settlement, status(job, told),
                                           std::move(leaving)))
        .has_value();
  }
  std::vector<Report> due() const {
    return journal->due_reports(publication_target, to_micros(clock.wall()), 100);
  }
  std::vector<std::string> bodies() const {
    std::vector<std::string> all;
    for (const Report& row : due()) all.push_back(row.carried.body);
    return all;
  }
  void take(const Report& row) { REQUIRE(test::run(loop, journal->report_sent(row))); }
};

}  // namespace

TEST_CASE_FIXTURE(PublishingFixture, "to one destination in order; another one does not wait") {
  const Job one = job("k");
  REQUIRE(begin(one));
  Publication late = to("", "q", "late");
  late.delay = std::chrono::seconds(30);
  REQUIRE(finish_with(one, Outcome::Kind::done, Settlement::accept(),
                      {to("e", "a", "1"), to("e", "a", "2"), to("e", "b", "3"), late,
                       to("", "q", "4"), to("e", "a", "5")}));
  using Bodies = std::vector<std::string>;
  CHECK(bodies() == Bodies{"1", "3", "4"});
  const auto first = due();
  CHECK(first[0].carried.exchange == "e");
  CHECK(first[0].carried.routing_key == "a");
  CHECK(first[0].message == "e:a");
  CHECK(first[0].carried.message_id == "k:1:" + std::to_string(first[0].seq));
  REQUIRE(test::run(loop, journal->report_postponed(first[0], to_micros(clock.wall()) + 1000)));
  CHECK(bodies() == Bodies{"3", "4"});  // one that failed holds up its own destination
  take(first[1]);
  take(first[2]);
  CHECK(bodies().empty());
  clock.advance(std::chrono::seconds(30));
  CHECK(bodies() == Bodies{"1", "late"});
  take(first[0]);
  CHECK(bodies() == Bodies{"2", "late"});
  for (int i = 0; i < 3; ++i) take(due()[0]);
  CHECK(bodies().empty());
  CHECK(journal->reports_waiting() == 4);  // Building and Done, for two targets
}

TEST_CASE_FIXTURE(PublishingFixture, "a status told again has its number, whatever was published") {
  const Job one = job("k");
  REQUIRE(begin(one));
  REQUIRE(finish_with(one, Outcome::Kind::done, Settlement::accept(), {to("", "q", "1")}));
  REQUIRE(send_all("amqp").size() == 2);
  REQUIRE(test::run(loop, journal->report_again("k", true)));
  const auto again = journal->due_reports("amqp", to_micros(clock.wall()), 10);
  REQUIRE(again.size() == 1);
  CHECK(again[0].seq == 2);
  REQUIRE(due().size() == 1);
  CHECK(due()[0].seq == 3);
}

TEST_CASE_FIXTURE(PublishingFixture, "a verdict once more publishes nothing more") {
  const Job one = job("k");
  REQUIRE(begin(one));
  REQUIRE(finish_with(one, Outcome::Kind::done, Settlement::accept(), {to("", "q", "1")}));
  REQUIRE(finish_with(one, Outcome::Kind::done, Settlement::accept(), {to("", "q", "1")}));
  CHECK(due().size() == 1);
}

TEST_CASE_FIXTURE(PublishingFixture,
                  "an attempt that ends as the one before publishes all the same") {
  const Job one = job("k"), two = job("k", 2);
  REQUIRE(begin(one));
  REQUIRE(finish_with(one, Outcome::Kind::blocked,
                      Settlement::retry(std::chrono::seconds(1), 2, ""), {}));
  REQUIRE(begin(two));
  REQUIRE(finish_with(two, Outcome::Kind::blocked, Settlement::dead_letter("exit 75"),
                      {to("", "asker", "answer")}));
  CHECK(due().size() == 1);
  // An interrupted attempt is begun again under its number.
  const Job three = job("m");
  REQUIRE(begin(three));
  REQUIRE(finish_with(three, Outcome::Kind::done, Settlement::accept(), {}));
  REQUIRE(begin(three));  // asked for again
  REQUIRE(finish_with(three, Outcome::Kind::done, Settlement::accept(), {to("", "q", "again")}));
  CHECK(due().size() == 2);
}

TEST_CASE_FIXTURE(PublishingFixture,
                  "what a job publishes gives way to no report, and is never too old") {
  limits.waiting_reports = 4;
  live();
  const Job one = job("k");
  REQUIRE(begin(one));
  std::vector<Publication> many;
  for (int i = 0; i < 10; ++i) many.push_back(to("", "q" + std::to_string(i), "x"));
  REQUIRE(finish_with(one, Outcome::Kind::done, Settlement::accept(), many));
  CHECK(due().size() == 10);
  clock.advance(std::chrono::hours(24 * 8));
  for (int i = 0; i < 200; ++i) REQUIRE(test::run(loop, journal->prune()));
  CHECK(due().size() == 10);
}

TEST_CASE_FIXTURE(PublishingFixture,
                  "an embedded queue takes them in the transaction of the verdict") {
  std::vector<std::string> taken;
  bool is_sick = false;
  journal->enqueue_by([&](const Publication& one, const std::string& id) -> Result<void> {
    taken.push_back(one.body.bytes() + " " + id);
    if (is_sick) return Error{"the queue", "is sick", ""};
    return {};
  });
  const Job one = job("k");
  REQUIRE(begin(one));
  is_sick = true;
  CHECK_FALSE(finish_with(one, Outcome::Kind::done, Settlement::accept(), {to("", "q", "1")}));
  CHECK(journal->find("k")->state == JobRecord::State::running);
  is_sick = false;
  CHECK(finish_with(one, Outcome::Kind::done, Settlement::accept(), {to("", "q", "1")}));
  CHECK(taken == std::vector<std::string>{"1 k:1:3", "1 k:1:3"});
  CHECK(due().empty());
}
