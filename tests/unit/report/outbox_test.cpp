#include "rbit/report/outbox.h"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <map>

#include "tests/support/loop.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_outbox.h"
#include "tests/support/recording_sink.h"

using namespace rbit;
using namespace std::chrono_literals;
using Story = std::vector<std::string>;

namespace {

SinkAnswer take() {
  return {};
}
SinkAnswer retry(std::string reason, milliseconds after = 0ms) {
  SinkAnswer answer;
  answer.kind = SinkAnswer::Kind::retry;
  answer.reason = std::move(reason);
  answer.after = after;
  return answer;
}

/// An outbox over one sink; time moves when the test says so.
struct House {
  House() {
    auto owned = std::make_unique<test::RecordingSink>("pybit");
    sink = owned.get();
    outbox.add(std::move(owned));
    sink->answer = [this](Report report) { return respond(std::move(report)); };
  }
  ~House() {
    test::run(loop, outbox.close());
    turn();
  }

  Task<SinkAnswer> respond(Report report) {
    if (hang) {
      Notice& notice = released;
      co_await notice.wait();
    }
    SinkAnswer answer = answers ? answers(report) : take();
    co_return answer;
  }

  void put(const std::string& job, Status status) {
    Report report;
    report.target = "pybit";
    report.job_key = "key-" + job;
    report.job_id = job;
    report.status = status;
    report.time = to_micros(clock.wall());
    journal.put(report);
  }
  void turn() {
    loop.restart();
    loop.poll();
  }
  void wake() {
    outbox.wake();
    turn();
  }
  void pass(milliseconds time) {
    clock.advance(time);
    turn();
  }
  /// Rings whoever sleeps, for as long as `time` lasts.
  void live(milliseconds time) {
    const auto end = clock.steady() + time;
    while (const auto pause = clock.next_pause()) {
      if (clock.steady() + *pause > end) break;
      pass(std::max(*pause, milliseconds{1}));
    }
    if (clock.steady() < end) pass(std::chrono::ceil<milliseconds>(end - clock.steady()));
  }
  TargetState state() { return outbox.states().front(); }

  asio::io_context loop;
  test::ManualClock clock;
  test::MemoryOutbox journal;
  Outbox outbox{loop.get_executor(), journal, clock};
  test::RecordingSink* sink = nullptr;
  std::function<SinkAnswer(const Report&)> answers;
  bool hang = false;
  Notice released{loop.get_executor()};
};

}  // namespace

TEST_CASE("reports of a job arrive in order, those that waited in the journal too") {
  House house;
  house.put("36", Status::building);
  house.put("36", Status::done);
  house.put("37", Status::building);
  house.outbox.start();
  house.turn();
  house.put("37", Status::failed);
  house.wake();
  CHECK(house.journal.reports_waiting() == 0);
  CHECK(house.sink->story() == Story{"36 Building", "37 Building", "36 Done", "37 Failed"});
}

TEST_CASE("a slow target gets four reports at once, and one a job") {
  House house;
  house.hang = true;
  for (int job = 1; job <= 6; ++job) {
    house.put(std::to_string(job), Status::building);
    house.put(std::to_string(job), Status::done);
  }
  house.outbox.start();
  house.turn();
  CHECK(house.sink->under_way == 4);
  house.hang = false;
  house.released.notify();
  house.turn();
  CHECK(house.sink->taken.size() == 12);
  CHECK(house.sink->most_under_way == 4);
  for (int job = 1; job <= 6; ++job) {
    Story own;
    for (const auto& line : house.sink->story())
      if (line.starts_with(std::to_string(job) + " ")) own.push_back(line.substr(2));
    CHECK(own == Story{"Building", "Done"});
  }
}

TEST_CASE("two jobs at one front-end: a hanging one does not hold the other") {
  House house;
  house.put("1", Status::building);
  house.hang = true;
  house.outbox.start();
  house.turn();
  house.hang = false;
  house.put("2", Status::building);
  house.put("2", Status::done);
  house.wake();
  CHECK(house.sink->story() == Story{"2 Building", "2 Done"});
  house.released.notify();
  house.turn();
  CHECK(house.journal.reports_waiting() == 0);
}

TEST_CASE("thousands of reports to a quick sink need few reads and no timer") {
  House house;
  for (int job = 0; job < 3000; ++job) house.put(std::to_string(job), Status::building);
  house.outbox.start();
  house.turn();
  CHECK(house.sink->taken.size() == 3000);
  CHECK(house.journal.reads < 150);
  CHECK(house.clock.sleepers() == 0);
}

TEST_CASE("what a target will never take is dropped, and the job's next report goes") {
  House house;
  house.answers = [](const Report& report) {
    SinkAnswer answer;
    if (report.status == Status::building) {
      answer.kind = SinkAnswer::Kind::dropped;
      answer.reason = "404";
    }
    return answer;
  };
  house.put("36", Status::building);
  house.put("36", Status::done);
  house.outbox.start();
  house.turn();
  CHECK(house.journal.dropped == Story{"36: 404"});
  CHECK(house.sink->story() == Story{"36 Done"});
  CHECK(house.state().dropped == 1);
  CHECK(house.state().kind == TargetState::Kind::up);
}

TEST_CASE("a target that is down for a minute gets everything within a minute, in order") {
  House house;
  bool down = true;
  house.answers = [&](const Report&) { return down ? retry("connection refused") : take(); };
  house.outbox.start();
  for (int job = 100; job < 140; ++job) {
    house.put(std::to_string(job), Status::building);
    house.put(std::to_string(job), Status::done);
    house.wake();
  }
  house.live(60s);
  CHECK(house.state().kind == TargetState::Kind::down);
  CHECK(house.state().reason == "connection refused");
  CHECK(house.state().oldest == test::ManualClock::start_seconds * 1'000'000);
  CHECK(house.sink->taken.empty());
  CHECK(house.sink->calls < 200);  // one at a time, at a growing distance; not 80 rows each
  CHECK(house.sink->most_under_way <= 4);
  down = false;
  house.live(60s);
  CHECK(house.journal.reports_waiting() == 0);
  REQUIRE(house.sink->taken.size() == 80);
  std::map<std::string, int> last;
  for (const auto& report : house.sink->taken) {
    CHECK(report.seq > last[report.job_id]);
    last[report.job_id] = report.seq;
  }
  CHECK(house.state().kind == TargetState::Kind::up);
}

TEST_CASE("a single report reaches a front-end within a minute of its return") {
  for (const auto absence : {5s, 60s, 600s}) {
    House house;
    bool down = true;
    house.answers = [&](const Report&) { return down ? retry("timeout") : take(); };
    house.put("36", Status::building);
    house.outbox.start();
    house.turn();
    house.live(absence);
    down = false;
    house.live(60s);
    CHECK(house.journal.reports_waiting() == 0);
  }
}

TEST_CASE("after an hour of failures the tries are minutes apart") {
  House house;
  house.answers = [](const Report&) { return retry("timeout"); };
  house.put("36", Status::building);
  house.outbox.start();
  house.turn();
  house.live(2h);
  const int before = house.sink->calls;
  house.live(5h);
  CHECK(house.sink->calls - before >= 5 * 60 / 5 - 1);  // 5 minutes at most
  CHECK(house.sink->calls - before < 5 * 60);
}

TEST_CASE("a report that fails alone holds nobody up, and comes back by itself") {
  House house;
  bool cured = false;
  house.answers = [&](const Report& report) {
    return report.job_id == "36" && !cured ? retry("500") : take();
  };
  house.put("36", Status::building);
  house.outbox.start();
  house.turn();
  for (int job = 100; job < 200; ++job) house.put(std::to_string(job), Status::done);
  house.wake();
  house.live(5s);
  CHECK(house.sink->taken.size() == 100);
  CHECK(house.journal.reports_waiting() == 1);
  house.live(1h);
  CHECK(house.sink->calls < 400);
  cured = true;
  house.live(5min);
  CHECK(house.journal.reports_waiting() == 0);
}

TEST_CASE("a report that is wanted later waits by itself, and the target is up") {
  House house;
  bool wanted_later = true;
  house.answers = [&](const Report& report) {
    return report.job_id == "36" && wanted_later ? SinkAnswer::later("exit 75") : take();
  };
  house.put("36", Status::blocked);
  house.put("36", Status::done);
  house.put("37", Status::done);
  house.outbox.start();
  house.turn();
  CHECK(house.sink->story() == Story{"37 Done"});
  CHECK(house.state().kind == TargetState::Kind::up);
  CHECK(house.state().failed == 1);
  house.put("38", Status::done);
  house.wake();
  house.live(1h);
  CHECK(house.sink->story() == Story{"37 Done", "38 Done"});
  CHECK(house.sink->calls > 10);
  CHECK(house.sink->calls < 300);
  wanted_later = false;
  house.live(6min);
  CHECK(house.sink->story() == Story{"37 Done", "38 Done", "36 Blocked", "36 Done"});

  house.put("39", Status::done);
  wanted_later = true;
  house.answers = [](const Report&) { return SinkAnswer::later("exit 75"); };
  house.wake();
  house.live(24h * 8);
  CHECK(house.journal.dropped == Story{"39: not taken for 7 days: exit 75"});
}

TEST_CASE("Retry-After is honoured, up to an hour") {
  for (const auto& [wish, expected] : {std::pair{120'000ms, 120s}, {86'400'000ms, 3600s}}) {
    House house;
    const milliseconds after = wish;
    house.answers = [after](const Report&) { return retry("503", after); };
    house.put("36", Status::building);
    house.outbox.start();
    house.turn();
    CHECK(house.sink->calls == 1);
    house.live(expected - 2s);
    CHECK(house.sink->calls == 1);
    house.live(4s);
    CHECK(house.sink->calls == 2);
  }
}

TEST_CASE("a report that was to wait by a clock that is set back does not wait for that time") {
  House house;
  bool up = false;
  house.answers = [&](const Report&) { return up ? take() : retry("503"); };
  house.put("36", Status::done);
  house.outbox.start();
  house.turn();
  CHECK(house.journal.reports_waiting() == 1);
  house.clock.jump(-24h * 365);
  up = true;
  house.live(6min);
  CHECK(house.journal.reports_waiting() == 0);
  CHECK(house.sink->story().back() == "36 Done");
}

TEST_CASE("a row of a patient sink that is to leave in hours does not leave before") {
  test::ManualClock clock;
  asio::io_context loop;
  test::MemoryOutbox journal;
  Outbox outbox{loop.get_executor(), journal, clock};
  auto owned = std::make_unique<test::RecordingSink>(publication_target);
  owned->patient = true;
  const test::RecordingSink* sink = owned.get();
  outbox.add(std::move(owned));
  Report row;
  row.target = publication_target;
  row.job_key = "k";
  row.time = to_micros(clock.wall());
  journal.put(row, to_micros(clock.wall() + 2h));
  outbox.start();
  const auto live = [&](milliseconds time) {
    for (const auto end = clock.steady() + time; clock.steady() < end;) {
      loop.restart();
      loop.poll();
      clock.advance(1min);
    }
    loop.restart();
    loop.poll();
  };
  live(1h);
  CHECK(sink->calls == 0);
  live(70min);
  CHECK(sink->calls == 1);
  test::run(loop, outbox.close());
}

TEST_CASE("after seven days a report is given up") {
  House house;
  house.answers = [](const Report&) { return retry("connection refused"); };
  house.put("36", Status::building);
  house.put("36", Status::done);
  house.outbox.start();
  house.turn();
  house.live(24h * 7 + 10min);
  CHECK(house.journal.reports_waiting() == 0);
  CHECK(house.journal.dropped.size() == 2);
  CHECK(house.journal.dropped.front() == "36: not taken for 7 days: connection refused");
}

TEST_CASE("a target that refuses us is tried again every five minutes, with one report") {
  House house;
  bool refuses = true;
  house.answers = [&](const Report&) {
    SinkAnswer answer;
    if (refuses) answer.kind = SinkAnswer::Kind::paused;
    answer.reason = "401";
    return answer;
  };
  house.outbox.start();
  house.put("36", Status::building);
  house.wake();
  CHECK(house.state().kind == TargetState::Kind::paused);
  house.put("37", Status::building);
  house.wake();
  house.live(299s);
  CHECK(house.sink->calls == 1);
  house.live(2s);
  CHECK(house.sink->calls == 2);
  refuses = false;
  house.live(300s);
  CHECK(house.journal.reports_waiting() == 0);
  CHECK(house.state().kind == TargetState::Kind::up);
}

TEST_CASE("an answer that cannot be put on record is not sent again meanwhile") {
  House house;
  house.journal.sick = true;
  house.put("36", Status::building);
  house.outbox.start();
  house.turn();
  house.live(10min);
  CHECK(house.sink->calls == 1);
  house.journal.sick = false;
  house.live(5min);
  CHECK(house.journal.reports_waiting() == 0);
  CHECK(house.sink->calls == 1);
}

TEST_CASE("at the end the outbox is emptied, or given up in time") {
  House house;
  house.outbox.start();
  house.put("36", Status::done);
  SUBCASE("everything goes") {
    CHECK(test::run(house.loop, house.outbox.drain(5s)));
  }
  SUBCASE("a target that is down gets one last try") {
    bool down = true;
    house.answers = [&](const Report&) { return down ? retry("refused") : take(); };
    house.wake();
    house.put("37", Status::done);
    CHECK_FALSE(test::run(house.loop, house.outbox.drain(5s)));
    CHECK(house.sink->calls >= 2);
    down = false;
    CHECK(test::run(house.loop, house.outbox.drain(5s)));
    CHECK(house.journal.reports_waiting() == 0);
  }
  SUBCASE("one that hangs is waited for until the limit") {
    house.hang = true;
    std::optional<bool> empty;
    asio::co_spawn(house.loop, house.outbox.drain(5s),
                   [&](std::exception_ptr, bool value) { empty = value; });
    house.turn();
    house.pass(4s);
    CHECK_FALSE(empty);
    house.pass(1s);
    CHECK(empty == false);
    CHECK(house.sink->under_way == 1);
  }
}

TEST_CASE("closed while a sink hangs, it leaves the report where it was") {
  House house;
  house.hang = true;
  house.put("36", Status::done);
  house.outbox.start();
  house.turn();
  test::run(house.loop, house.outbox.close());
  house.turn();
  CHECK(house.journal.reports_waiting() == 1);
}
