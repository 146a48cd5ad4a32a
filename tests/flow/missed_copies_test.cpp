#include "rbit/dispatch/missed_copies.h"

#include <doctest/doctest.h>

#include "rbit/journal/schema.h"
#include "rbit/journal/sqlite_journal.h"
#include "tests/support/log_capture.h"
#include "tests/support/loop.h"
#include "tests/support/manual_clock.h"
#include "tests/support/print.h"

using namespace rbit;
using namespace std::chrono_literals;
using QueueCount = MissedCopies::QueueCount;

namespace {

/// A journal, a broker that says what a test wants, and who compares the two.
struct House {
  House() {
    database = std::move(*Database::open(loop.get_executor(), ":memory:"));
    schema::upgrade(*database).value();
    journal.emplace(*database, clock, std::vector<ReportTarget>{"log", "pybit"}, "worker");
    CopyLinks links;
    links.ask = [this](std::string queue) { return ask(std::move(queue)); };
    links.own_consumers = [this](const std::string&) { return own; };
    links.delay_queue = [](const AwaitedCopy& copy) {
      return "retry." + std::to_string(copy.delay.count());
    };
    links.presence_queue = "present";
    missed.emplace(clock, *journal, std::move(links),
                   [this](const Report& report) { told.push_back(report.reason); });
    queues["present"] = QueueCount{true, 0, 1};
    queues["q"] = QueueCount{true, 0, 1};
    queues["retry.60000"] = QueueCount{true, 1, 0};
  }

  Task<std::optional<QueueCount>> ask(std::string queue) {
    ++asked;
    if (away) co_return std::nullopt;
    co_return queues[queue];
  }
  Job job(const std::string& key, int attempt = 1) {
    Job one;
    one.key = key;
    one.queue = "q";
    one.runner = "r";
    one.attempt = attempt;
    one.request.job_id = "36";
    return one;
  }
  Report report(const Job& job, Status status) {
    Report made;
    made.job_key = job.key;
    made.attempt = job.attempt;
    made.status = status;
    return made;
  }
  bool begin(const Job& job) {
    Message message;
    message.queue = job.queue;
    return test::run(loop, journal->begin(job, message, "/r", report(job, Status::building)))
        .has_value();
  }
  /// An attempt that is to come again in a minute; its copy is confirmed.
  void block(const std::string& key, int attempt = 1, milliseconds delay = 60s) {
    const Job one = job(key, attempt);
    REQUIRE(begin(one));
    Outcome outcome;
    outcome.kind = Outcome::Kind::blocked;
    const auto retry = Settlement::retry(delay, attempt + 1, "exit 75");
    const std::optional<Report> blocked = report(one, Status::blocked);
    REQUIRE(test::run(loop, journal->finish(one, outcome, retry, blocked)));
    REQUIRE(test::run(loop, journal->settled(key)));
  }
  void look(milliseconds later = 5s) {
    clock.advance(later);
    test::run(loop, looking());
  }
  Task<bool> looking() {
    co_await missed->look();
    co_return true;
  }
  /// From a minute before a copy is due until long after.
  void look_until(milliseconds all) {
    for (milliseconds passed{0}; passed < all; passed += 5s) look();
  }
  JobRecord::State state(const std::string& key) { return journal->find(key)->state; }

  asio::io_context loop;
  test::ManualClock clock;
  std::unique_ptr<Database> database;
  std::optional<SqliteJournal> journal;
  test::LogCapture log;
  std::map<std::string, QueueCount> queues;
  std::uint32_t own = 1;
  bool away = false;
  int asked = 0;
  std::vector<std::string> told;
  std::optional<MissedCopies> missed;
};

using State = JobRecord::State;

}  // namespace

TEST_CASE("a copy that was due, is in no queue and did not come is lost by the broker") {
  House house;
  house.block("a");
  house.look();
  house.look_until(55s);
  house.queues["retry.60000"].messages = 0;  // let go to a work queue that was not there
  house.look_until(55s);
  CHECK(house.told.empty());  // its time has passed, its grace has not
  house.look_until(20s);
  CHECK(house.told == std::vector<std::string>{"lost-by-broker"});
  CHECK(house.state("a") == State::failed);
  const auto record = house.journal->find("a");
  CHECK(record->reason == "lost-by-broker");
  CHECK(record->message.find("the broker holds no message for attempt 2, due ") == 0);
  CHECK(record->message.find(" s ago: ") != std::string::npos);
  CHECK(record->message.find("rbit check --live") != std::string::npos);
  for (const Status wanted : {Status::building, Status::blocked, Status::failed}) {
    const auto due = house.journal->due_reports("pybit", to_micros(house.clock.wall()), 9);
    REQUIRE(due.size() == 1);
    CHECK(due[0].status == wanted);
    REQUIRE(test::run(house.loop, house.journal->report_sent(due[0])));
  }
  CHECK(house.journal->awaited_copies().empty());
  house.look_until(60s);
  CHECK(house.told.size() == 1);
  CHECK(house.begin(house.job("a", 2)));  // it comes all the same: it runs
  CHECK(house.state("a") == State::running);
}

TEST_CASE("a copy whose delay queue has gone is missed before its time") {
  House house;
  house.queues["retry.3600000"].messages = 1;
  house.block("b", 1, 3'600'000ms);
  house.look_until(45s);
  CHECK(house.told.empty());
  house.queues["retry.3600000"] = {};
  house.look_until(15s);
  CHECK(house.state("b") == State::failed);
  CHECK(house.journal->find("b")->message.find("due in ") != std::string::npos);
}

TEST_CASE("what waits in a queue is not lost, however late it is") {
  House house;
  house.block("a");
  house.look_until(10min);  // the broker's clock, or its load
  house.queues["retry.60000"].messages = 0;
  house.queues["q"].messages = 3;  // behind others
  house.look_until(10min);
  CHECK(house.told.empty());
  CHECK(house.state("a") == State::blocked);
  house.queues["q"].messages = 0;
  REQUIRE(house.begin(house.job("a", 2)));  // and now it is here
  house.look_until(10min);
  CHECK(house.told.empty());
}

TEST_CASE("a copy that another rbit may have is not called lost") {
  House house;
  house.queues["retry.60000"].messages = 0;
  house.block("a");
  SUBCASE("it reads the queue now") {
    house.queues["q"].consumers = 2;
    house.look_until(10min);
    CHECK(house.log.lines("lost-by-broker").empty());
  }
  SUBCASE("it read the queue a while ago") {
    house.queues["q"].consumers = 2;
    house.look_until(15s);
    house.queues["q"].consumers = 1;
    house.look_until(10min);
    CHECK(house.log.lines("lost-by-broker").empty());
  }
  SUBCASE("we do not read it now, and somebody does") {
    house.own = 0;
    house.look_until(10min);
  }
  SUBCASE("nobody knows, for it was due before we looked: the log alone has it, once") {
    house.clock.advance(10min);
    house.look_until(10min);
    const auto said = house.log.lines("lost-by-broker");
    REQUIRE(said.size() == 1);
    CHECK(said[0].find("if no other rbit has taken it") != std::string::npos);
  }
  SUBCASE("it is there, and too busy to consume, or it polls") {
    house.queues["present"].consumers = 2;
    house.look_until(10min);
    CHECK(house.log.lines("if no other rbit has taken it").size() == 1);
  }
  SUBCASE("it was there when the copy was due") {
    house.queues["retry.60000"].messages = 1;
    house.look_until(30s);
    house.queues["present"].consumers = 2;
    house.look_until(60s);
    house.queues["retry.60000"].messages = 0;
    house.queues["present"].consumers = 1;
    house.look_until(10min);
  }
  SUBCASE("nobody knows who is there") {
    house.queues["present"] = {};
    house.look_until(10min);
  }
  SUBCASE("the broker is away") {
    house.look();
    house.away = true;
    house.look_until(10min);
    CHECK(house.log.lines("lost-by-broker").empty());
  }
  CHECK(house.told.empty());
  CHECK(house.state("a") == State::blocked);
}

TEST_CASE("one look that finds a consumer too many does not make another rbit of it") {
  House house;
  house.queues["retry.60000"].messages = 0;
  house.block("a");
  house.look();
  house.own = 0;  // ours, which has just been cancelled
  house.look();
  house.own = 1;
  house.look_until(3min);
  CHECK(house.told.size() == 1);
}

TEST_CASE("a copy that comes between the look and the verdict is not lost") {
  House house;
  house.block("a");
  const AwaitedCopy copy = house.journal->awaited_copies().at(0);
  CHECK(copy.next_attempt == 2);
  CHECK(copy.delay == 60s);
  REQUIRE(house.begin(house.job("a", 2)));
  Report verdict = house.report(house.job("a"), Status::failed);
  CHECK_FALSE(test::run(house.loop, house.journal->copy_lost(copy, verdict)).value());
  CHECK(house.state("a") == State::running);
  house.block("a", 2);  // and blocked again: the next copy is another one
  CHECK_FALSE(test::run(house.loop, house.journal->copy_lost(copy, verdict)).value());
  CHECK(house.state("a") == State::blocked);
}

TEST_CASE("many copies of many queues cost a question a queue") {
  House house;
  for (int i = 0; i < 50; ++i) house.block(std::to_string(i));
  house.look(1s);
  CHECK(house.asked == 2);  // who is there, and the work queue
  house.look(3min);
  CHECK(house.asked == 5);  // and the queue of the delay
  CHECK(house.log.lines("lost-by-broker").empty());
}
