// What a front-end says of a job before it is built, and its cancels: one that comes
// before, during or after anything else leads to exactly one end of the job.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/flow/story.h"

using namespace rbit;
using namespace rbit::test;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;
using Lines = std::vector<std::string>;

namespace {

Standing standing(Standing::Kind kind, bool elsewhere = false) {
  return Standing{kind, elsewhere, "as the test says"};
}

/// The reports that wait for a target, in order: what the world will be told.
Lines reports(Story& story) {
  Lines lines;
  for (;;) {
    const auto due = story.journal().due_reports("log", INT64_MAX, 64);
    if (due.empty()) return lines;
    for (const Report& report : due) {
      lines.emplace_back(to_string(report.status));
      const auto sent = [&story, report]() -> Task<void> {
        const Result<void> done = co_await story.journal().report_sent(report);
        CHECK(done.has_value());
      };
      story.run(sent());
    }
  }
}

bool is_accepted(const Story& story, std::size_t which = 0) {
  return story.transport.settled.size() > which &&
         story.transport.settled[which].settlement.kind == Settlement::Kind::accept;
}

/// What the broker brings when the time of a retry has come.
Message copy_of(const Message& message, const MemoryTransport::Settled& settled) {
  Message copy = message;
  copy.headers = settled.headers;
  copy.headers[attempt_header] = std::int64_t{settled.settlement.next_attempt};
  return copy;
}

}  // namespace

TEST_CASE("a job that waits, or of which nothing is known, is built") {
  Story story;
  story.runner().script("a", outcome(Kind::done));
  for (const auto kind : {Standing::Kind::unclear, Standing::Kind::waiting}) {
    story.front_end["a"] = standing(kind);
    story.transport.send(story.message("a", std::to_string(static_cast<int>(kind))));
    story.settle_down();
  }
  CHECK(reports(story) == Lines{"Building", "Building", "Done", "Done"});
  CHECK(story.asked == Lines{"a", "a"});
}

TEST_CASE("one that is over at the front-end is accepted, not built, and nobody is told") {
  Story story;
  for (const auto kind : {Standing::Kind::done, Standing::Kind::cancelled, Standing::Kind::failed,
                          Standing::Kind::unknown}) {
    story.front_end["a"] = standing(kind);
    story.transport.send(story.message("a", std::to_string(static_cast<int>(kind))));
    story.settle_down();
  }
  CHECK(story.transport.settled.size() == 4);
  for (const auto& settled : story.transport.settled)
    CHECK(settled.settlement.kind == Settlement::Kind::accept);
  CHECK(story.runner().started.empty());
  CHECK(story.journal().reports_waiting() == 0);
  CHECK(story.dispatcher().slots().used() == 0);
  // But whoever follows it hears of it, and the journal knows why.
  const auto record = story.journal().find(std::to_string(static_cast<int>(Standing::Kind::done)));
  REQUIRE(record);
  CHECK(record->state == JobRecord::State::done);
  CHECK(record->message == "not built: as the test says");
  CHECK(record->settled);
  CHECK(story.told.size() == 4);
}

TEST_CASE("one that failed is built if somebody brought it back from the dead") {
  Story story;
  story.runner().script("a", outcome(Kind::done));
  story.front_end["a"] = standing(Standing::Kind::failed);
  Message message = story.message("a");
  message.headers[replayed_header] = std::int64_t{1};
  story.transport.send(message);
  story.settle_down();
  CHECK(reports(story) == Lines{"Building", "Done"});
}

TEST_CASE("one that is built by nobody or by us is built") {
  Story story;
  story.runner().script("a", outcome(Kind::done));
  story.front_end["a"] = standing(Standing::Kind::building);
  story.send("a");
  CHECK(reports(story) == Lines{"Building", "Done"});
}

TEST_CASE("one that another client builds comes back, `attempts` times, and is built then") {
  RunnerPolicy policy;
  policy.attempts = 2;
  Story story(1, policy);
  story.front_end["a"] = standing(Standing::Kind::building, true);
  story.runner().script("a", outcome(Kind::done));
  Message message = story.message("a");
  for (std::size_t waits = 0; waits < 2; ++waits) {
    story.transport.send(message);
    story.settle_down();
    REQUIRE(story.transport.settled.size() == waits + 1);
    const auto& settled = story.transport.settled.back();
    CHECK(settled.settlement.kind == Settlement::Kind::retry);
    CHECK(settled.settlement.delay == 60s);
    CHECK(settled.settlement.next_attempt == 1);  // it costs no attempt
    message = copy_of(message, settled);
    CHECK(story.dispatcher().slots().used() == 0);
    CHECK(story.told.empty());
  }
  story.transport.send(message);
  story.settle_down();
  CHECK(reports(story) == Lines{"Building", "Done"});
  CHECK(story.runner().attempts == std::vector<int>{1});
}

TEST_CASE("one that another client builds is built if its message was here before") {
  Story story;
  story.front_end["a"] = standing(Standing::Kind::building, true);
  story.runner().script("a", outcome(Kind::done));
  Message message = story.message("a");
  message.redelivered = true;
  story.transport.send(message);
  story.settle_down();
  CHECK(reports(story) == Lines{"Building", "Done"});
}

TEST_CASE("one that cannot be put back is built at once") {
  Story story;
  story.front_end["a"] = standing(Standing::Kind::building, true);
  story.runner().script("a", outcome(Kind::done));
  story.transport.refuse_copies(true);
  story.send("a");
  CHECK(reports(story) == Lines{"Building", "Done"});
  CHECK(is_accepted(story));
}

TEST_CASE("one that another client builds is not built while the broker is blocked") {
  Story story;
  story.front_end["a"] = standing(Standing::Kind::building, true);
  story.transport.block(true);
  story.send("a");
  story.pass(5min);
  CHECK(story.told.empty());
  CHECK(story.runner().started.empty());
  story.transport.block(false);
  // It is tried again a little later, at random, and who pauses looks up every 250 ms.
  for (int i = 0; i < 60 && story.transport.settled.empty(); ++i) story.pass(250ms);
  REQUIRE(story.transport.settled.size() == 1);
  CHECK(story.transport.settled.back().settlement.kind == Settlement::Kind::retry);
  CHECK(story.told.empty());
  CHECK(story.dispatcher().slots().used() == 0);
}

TEST_CASE("one that waits for a blocked broker holds up no stop") {
  Story story;
  story.front_end["a"] = standing(Standing::Kind::building, true);
  story.transport.block(true);
  story.send("a");
  bool drained = false;
  story.drain(10s, drained);
  story.pass(15s);
  CHECK(drained);
  CHECK(story.runner().started.empty());
  CHECK(story.transport.given_back == 1);
}

TEST_CASE("a front-end that hangs holds up its own job only, and a stop not at all") {
  Story story(2);
  story.front_end_hangs = true;
  story.send("slow");
  story.front_end_hangs = false;
  story.runner().script("quick", outcome(Kind::done));
  story.send("quick");
  CHECK(story.told == Lines{"Building", "Done"});
  story.front_end_hangs = true;
  bool drained = false;
  story.drain(10s, drained);
  CHECK_FALSE(drained);
  story.front_end_hangs = false;
  story.front_end_answers.notify();
  story.settle_down();
  CHECK(drained);
  CHECK(story.runner().started == Lines{"quick"});  // the other goes back
  CHECK(story.transport.given_back == 1);
}

TEST_CASE("a cancel of a running job ends it as Cancelled, once") {
  Story story;
  Message message = story.message("a");
  story.transport.send(message);
  story.settle_down();
  REQUIRE(story.cancel("1").has_value());
  CHECK(reports(story) == Lines{"Building", "Cancelled"});
  CHECK(is_accepted(story));
  REQUIRE(story.cancel("1").has_value());  // and once more
  CHECK(reports(story).empty());
}

TEST_CASE("no cancel of a front-end is of a job without a number, whatever its key") {
  Story story;
  story.takes_anything = true;
  story.transport.send(story.message("a", "1"));
  story.transport.send(story.message("b", "b"));
  story.settle_down();
  for (const char* number : {"", "1", "b"}) REQUIRE(story.cancel(number).has_value());
  CHECK(story.runner().running == 2);
  CHECK_FALSE(story.journal().has_cancel(""));
  CHECK_FALSE(story.dispatcher().cancel(""));
  CHECK(story.dispatcher().cancel("b"));  // somebody here may, by its key
  story.settle_down();
  CHECK(story.runner().running == 1);
  CHECK(story.journal().find("b")->state == JobRecord::State::cancelled);
  CHECK(story.journal().find("1")->state == JobRecord::State::running);
}

TEST_CASE("a cancel that comes first is remembered, over a restart, and nothing is built") {
  Story story;
  REQUIRE(story.cancel("1").has_value());
  story.crash_and_restart();
  story.send("a");
  CHECK(story.runner().started.empty());
  CHECK(story.asked.empty());
  CHECK(reports(story) == Lines{"Cancelled"});
  CHECK(is_accepted(story));
}

TEST_CASE("a cancel is forgotten after a week") {
  Story story;
  REQUIRE(story.cancel("1").has_value());
  story.clock.advance(std::chrono::hours(7 * 24 + 1));
  story.runner().script("a", outcome(Kind::done));
  story.send("a");
  CHECK(reports(story) == Lines{"Building", "Done"});
}

TEST_CASE("a cancel reaches a job whose front-end is still being asked") {
  Story story;
  story.front_end_hangs = true;
  story.send("a");
  REQUIRE(story.cancel("1").has_value());
  CHECK(reports(story).empty());
  story.front_end_hangs = false;
  story.front_end_answers.notify();
  story.settle_down();
  CHECK(story.runner().started.empty());
  CHECK(reports(story) == Lines{"Cancelled"});
  CHECK(is_accepted(story));
}

TEST_CASE("a cancel while the verdict is being written cancels a retry and leaves the rest alone") {
  Story story;
  bool blocked = false;
  SUBCASE("blocked") {
    blocked = true;
  }
  SUBCASE("done") {}
  story.send("a");
  story.transport.refuse_settlements(2);  // it has its verdict, and is not settled for a while
  story.runner().end("a", blocked ? outcome(Kind::blocked, "exit 75") : outcome(Kind::done));
  story.settle_down();
  bool cancelled = false;
  spawn(
      story.loop().get_executor(),
      [](Story& its, bool& done) -> Task<void> {
        const Result<void> on_record = co_await its.dispatcher().cancel_for_front_end("1");
        CHECK(on_record.has_value());
        done = true;
      }(story, cancelled),
      "a cancel");
  for (int i = 0; i < 20 && !cancelled; ++i) story.pass(250ms);
  CHECK(cancelled);
  if (!blocked) {
    CHECK(reports(story) == Lines{"Building", "Done"});
    CHECK_FALSE(story.journal().has_cancel("1"));
    return;
  }
  CHECK(reports(story) == Lines{"Building", "Blocked", "Cancelled"});
}

TEST_CASE(
    "a cancel of a job that waits at the broker ends it now; its copy is answered in silence") {
  Story story;
  story.runner().script("a", outcome(Kind::blocked, "exit 75"));
  Message message = story.message("a");
  story.transport.send(message);
  story.settle_down();
  REQUIRE(story.transport.settled.size() == 1);
  REQUIRE(story.cancel("1").has_value());
  CHECK(reports(story) == Lines{"Building", "Blocked", "Cancelled"});
  const auto record = story.journal().find("a");
  REQUIRE(record);
  CHECK(record->state == JobRecord::State::cancelled);
  bool restarts = false;
  SUBCASE("in the same life") {}
  SUBCASE("in the next life") {
    story.crash_and_restart();
    restarts = true;
  }
  story.transport.send(copy_of(message, story.transport.settled[0]));
  story.settle_down();
  CHECK(is_accepted(story, 1));
  CHECK(story.journal().reports_waiting() == 0);
  CHECK(story.runner().started.size() == (restarts ? 0u : 1u));
}

TEST_CASE("a cancel of a job that waits here for its time") {
  Story story(1);
  story.runner().script("later", outcome(Kind::blocked, "exit 75"));
  story.transport.refuse_copies(true);
  story.send("later");
  REQUIRE(story.cancel("1").has_value());
  CHECK(reports(story) == Lines{"Building", "Blocked", "Cancelled"});
  CHECK(story.journal().owned_jobs().empty());
  story.pass(61s);
  CHECK(story.runner().started.size() == 1);
}

TEST_CASE("a cancel outlives a crash that comes before the job has ended") {
  Story story;
  Message message = story.message("a");
  story.transport.send(message);
  story.settle_down();
  // On record, and then rbit dies before the job has heard of it.
  REQUIRE(test::run(story.loop(), story.journal().record_cancel("1")).has_value());
  story.crash_and_restart();
  story.transport.lose_connection();
  story.settle_down();
  CHECK(story.runner().started.empty());
  CHECK(reports(story) == Lines{"Building", "Cancelled"});
  CHECK(is_accepted(story));
}

TEST_CASE(
    "a cancel counts although a dead rbit's job had asked for a retry; what it had done stands") {
  Story story;
  Message message = story.message("a");
  story.transport.send(message);
  story.settle_down();
  REQUIRE(test::run(story.loop(), story.journal().record_cancel("1")).has_value());
  story.crash_and_restart();
  Kind kind = Kind::blocked;
  SUBCASE("blocked") {}
  SUBCASE("done") {
    kind = Kind::done;
  }
  auto open = story.journal().open_attempts();  // as the app recovers it from its leader's record
  REQUIRE(open.has_value());
  REQUIRE(open->size() == 1);
  CHECK(test::run(story.loop(),
                  story.dispatcher().finish_earlier((*open)[0].job, outcome(kind), "")));
  CHECK(reports(story) == Lines{"Building", kind == Kind::done ? "Done" : "Cancelled"});
  story.transport.lose_connection();
  story.settle_down();
  CHECK(story.runner().started.empty());
  CHECK(is_accepted(story));
}

TEST_CASE("a cancel of a job that a dead rbit had begun ends it before its message comes again") {
  Story story;
  Message message = story.message("a");
  story.transport.send(message);
  story.settle_down();
  story.transport.stop_taking();
  story.crash_and_restart();
  story.transport.lose_connection();
  REQUIRE(story.cancel("1").has_value());
  CHECK(reports(story) == Lines{"Building", "Cancelled"});
  story.transport.go_on();
  story.settle_down();
  CHECK(story.runner().started.empty());
  CHECK(is_accepted(story));
}

TEST_CASE("a cancel counts although rbit stops the job a moment later") {
  Story story;
  story.send("a");
  const auto done = test::run(story.loop(), story.dispatcher().cancel_for_front_end("1"));
  REQUIRE(done.has_value());
  story.dispatcher().stop_jobs(StopKind::interrupt);
  story.settle_down();
  CHECK(reports(story) == Lines{"Building", "Cancelled"});
  CHECK(is_accepted(story));
}

TEST_CASE("a cancel counts although the job had just asked for a retry") {
  Story story;
  story.send("a");
  story.runner().end("a", outcome(Kind::blocked, "exit 75"));
  REQUIRE(story.cancel("1").has_value());
  const Lines told = reports(story);
  CHECK(told.back() == "Cancelled");
  CHECK(std::count(told.begin(), told.end(), "Cancelled") == 1);
}

TEST_CASE("a cancel of a job that is over is ignored, and does not stop a replay") {
  Story story;
  story.runner().script("a", outcome(Kind::failed, "exit 2"));
  Message message = story.message("a");
  story.transport.send(message);
  story.settle_down();
  REQUIRE(story.cancel("1").has_value());
  CHECK(reports(story) == Lines{"Building", "Failed"});
  CHECK_FALSE(story.journal().has_cancel("1"));
  story.runner().script("a", outcome(Kind::done));
  story.clock.advance(1s);
  message.headers[replayed_header] = to_micros(story.clock.wall());
  story.transport.send(message);
  story.settle_down();
  CHECK(reports(story) == Lines{"Building", "Done"});
}

TEST_CASE("a cancel that cannot be put on record stops what runs, and is asked for again") {
  Story story;
  story.send("a");
  story.refuse_cancels(true);
  CHECK_FALSE(story.cancel("1").has_value());
  CHECK(reports(story) == Lines{"Building", "Cancelled"});
  CHECK_FALSE(story.cancel("2").has_value());
  story.refuse_cancels(false);
  CHECK(story.cancel("2").has_value());
  story.send("b");
  CHECK(reports(story) == Lines{"Cancelled"});
}

TEST_CASE("an id is no key: a cancel of job 2 does not touch a message called 2") {
  Story story;
  story.transport.send(story.message("a", "2"));  // PyBit's job 1
  story.settle_down();
  REQUIRE(story.cancel("2").has_value());
  CHECK(story.runner().running == 1);
  CHECK(reports(story) == Lines{"Building"});
}
