#include "rbit/dispatch/dispatcher.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/flow/story.h"

using namespace rbit;
using namespace rbit::test;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;
using Lines = std::vector<std::string>;

TEST_CASE("a drain takes no more and lets the running jobs end") {
  Story story(1);
  story.send("running");
  story.send("waiting");
  bool ended = false;
  story.drain(10min, ended);
  CHECK_FALSE(ended);
  story.runner().end("running", outcome(Kind::done));
  story.settle_down();
  CHECK(ended);
  CHECK(story.runner().started == Lines{"running"});
  CHECK(story.transport.waiting() == 1);
  CHECK(story.told == Lines{"Building", "Done"});
}

TEST_CASE("told to hurry it takes nothing more: what came would go back, and come again at once") {
  Story story(2);
  story.send("running");
  story.dispatcher().hurry();
  story.send("waiting");
  CHECK(story.transport.waiting() == 1);
  CHECK(story.transport.given_back == 0);
  CHECK(story.runner().started == Lines{"running"});
}

TEST_CASE("an interrupted job goes back, is not reported, and costs no attempt") {
  Story story;
  story.send("job");
  bool ended = false;
  story.drain(10min, ended);
  story.dispatcher().stop_jobs(StopKind::interrupt);
  story.settle_down();
  CHECK(ended);
  CHECK(story.transport.given_back == 1);
  CHECK(story.told == Lines{"Building"});
  Message again = story.message("job");
  again.redelivered = true;
  CHECK(recall(again, story.journal().find("job"), true, 5).attempt == 1);
}

TEST_CASE("cancel stops a running job, by its key or by PyBit's id") {
  Story story;
  story.send("one");
  story.send("two");
  CHECK(story.dispatcher().cancel("one"));
  CHECK(story.dispatcher().cancel("2"));
  CHECK_FALSE(story.dispatcher().cancel("three"));
  story.settle_down();
  CHECK(story.told == Lines{"Building", "Building", "Cancelled", "Cancelled"});
  REQUIRE(story.transport.settled.size() == 2);
  CHECK(story.transport.settled[0].settlement.kind == Settlement::Kind::accept);
  CHECK_FALSE(story.dispatcher().cancel("one"));
}

TEST_CASE("a cancel counts until the verdict is on record, whatever the job reached before") {
  for (const auto kind : {Outcome::Kind::done, Outcome::Kind::failed, Outcome::Kind::blocked}) {
    Story story;
    story.send("one");
    CHECK(story.dispatcher().cancel("one"));
    story.runner().end("one", outcome(kind));
    story.settle_down();
    CHECK(story.told == Lines{"Building", "Cancelled cancelled"});
  }
}

TEST_CASE("a broken runner burns no job: it goes back, and runs when the runner can work again") {
  RunnerPolicy policy;
  policy.attempts = 1;
  Story story(2, policy);
  story.runner().script("first", outcome(Kind::not_started, "not-started", "no library"));
  story.runner().break_down({"libhello.so", "cannot be loaded", "build it"});
  const Message first = story.message("first");
  story.transport.send(first);
  story.settle_down();
  CHECK(story.transport.credit("build") == 0);
  CHECK(story.transport.given_back == 1);
  CHECK(story.told == Lines{"Building", "Waiting not-started: no library"});
  CHECK(story.dispatcher().paused().at("build") == "libhello.so: cannot be loaded (build it)");
  story.send("second");
  CHECK(story.runner().started == Lines{"first"});

  story.runner().break_down({});
  story.runner().script("first", outcome(Kind::done));
  story.pass(59s);
  CHECK(story.runner().started == Lines{"first"});
  story.pass(2s);
  CHECK(story.runner().started == Lines{"first", "second"});
  CHECK(story.dispatcher().paused().empty());
  Message again = first;
  again.redelivered = true;
  story.transport.send(again);
  story.settle_down();
  CHECK(story.runner().attempts == std::vector<int>{1, 1, 1});
  CHECK(story.told.back() == "Done");
}

TEST_CASE("what one job could not be started for is that job's: it is tried once more") {
  RunnerPolicy policy;
  policy.attempts = 5;
  Story story(1, policy);
  story.runner().script("odd", outcome(Kind::not_started, "not-started", "no room"));
  const Message message = story.message("odd");
  story.transport.send(message);
  story.settle_down();
  CHECK(story.dispatcher().paused().empty());
  Message copy = message;
  copy.headers[attempt_header] = std::int64_t{2};
  story.transport.send(copy);
  story.settle_down();
  CHECK(story.told == Lines{"Building", "Blocked not-started: no room", "Building",
                            "Failed not-started: no room"});
  REQUIRE(story.transport.settled.size() == 2);
  CHECK(story.transport.settled[1].settlement.kind == Settlement::Kind::dead_letter);
}

TEST_CASE("messages that take no slot use up no credit: the next job runs") {
  // Once a run of bad messages left a queue unread until a slot changed hands.
  Story story(1);
  for (int i = 0; i < 5; ++i) {
    Message bad;
    bad.queue = "build";
    bad.body = "bad " + std::to_string(i);
    story.transport.send(bad);
  }
  story.send("good");
  CHECK(story.refused.size() == 5);
  CHECK(story.runner().started == Lines{"good"});
}

TEST_CASE("while it is held nothing is taken, and what runs goes on") {
  Story story(2);
  story.send("running");
  story.dispatcher().hold("state-dir /s has 3 bytes free");
  story.send("waiting");
  CHECK(story.transport.credit("build") == 0);
  CHECK(story.dispatcher().trouble() == "state-dir /s has 3 bytes free");
  story.runner().end("running", outcome(Kind::done));
  story.settle_down();
  CHECK(story.told == Lines{"Building", "Done"});
  story.dispatcher().hold("");
  story.settle_down();
  CHECK(story.runner().started == Lines{"running", "waiting"});
  CHECK(story.dispatcher().trouble().empty());
}

TEST_CASE("a job that the disk had no room for goes back whole, and no other is taken meanwhile") {
  Story story(1);
  story.disk = Error{"/work", "cannot be written: No space left on device", "make room"};
  story.runner().script("job", outcome(Kind::not_started, "not-started", "No space left"));
  story.send("job");
  CHECK(story.told == Lines{"Building"});
  CHECK(story.transport.given_back == 1);
  CHECK(story.transport.credit("build") == 0);
  story.pass(20s);
  CHECK(story.runner().started == Lines{"job"});
  CHECK_FALSE(story.dispatcher().trouble().empty());
  story.disk = {};
  story.pass(6s);
  CHECK(story.dispatcher().trouble().empty());
  CHECK(story.transport.credit("build") == 1);
  CHECK(story.journal().find("job")->attempt == 1);
}

TEST_CASE("a job that did not start on a sound disk has used an attempt") {
  Story story(1);
  story.runner().script("job", outcome(Kind::not_started, "not-started", "no such command"));
  story.send("job");
  REQUIRE(story.transport.settled.size() == 1);
  CHECK(story.transport.settled[0].settlement.kind == Settlement::Kind::retry);
}

TEST_CASE("a verdict of an earlier life that cannot be written holds up no stop") {
  Story story(1);
  story.send("job");
  const auto open = [&] {
    story.crash_and_restart(1);
    return story.journal().open_attempts().value();
  }();
  REQUIRE(open.size() == 1);
  story.refuse_verdicts(true);
  std::optional<bool> on_record;
  spawn(
      story.loop().get_executor(),
      [](Story& one, Job job, std::optional<bool>& ended) -> Task<void> {
        Outcome done = outcome(Kind::done);
        ended = co_await one.dispatcher().finish_earlier(std::move(job), std::move(done),
                                                         "/records/job");
      }(story, open[0].job, on_record),
      "a verdict");
  for (int i = 0; i < 8; ++i) story.pass(250ms);
  CHECK_FALSE(on_record);
  story.dispatcher().hurry();
  story.pass(250ms);
  REQUIRE(on_record);
  CHECK_FALSE(*on_record);  // so its leader's record is kept
  story.refuse_verdicts(false);
  CHECK(story.journal().open_attempts().value().size() == 1);
}

TEST_CASE("a paused queue takes nothing new, and what runs goes on") {
  Story story(1);
  story.send("running");
  story.dispatcher().pause("build", 7);
  CHECK(story.dispatcher().paused_since("build") == 7);
  story.send("waiting");
  story.runner().end("running", outcome(Kind::done));
  story.settle_down();
  CHECK(story.told == Lines{"Building", "Done"});
  CHECK(story.transport.waiting() == 1);
  story.dispatcher().resume("build");
  story.settle_down();
  CHECK(story.runner().started == Lines{"running", "waiting"});
  CHECK(story.dispatcher().paused_since("build") == 0);
  story.dispatcher().pause("nobody's", 7);
  CHECK(story.dispatcher().paused_since("nobody's") == 0);
}

TEST_CASE("a cancel by key meets its message when it comes, after a crash too, and once") {
  Story story(1);
  story.send("running");
  story.run([](Story& its) -> Task<void> {
    const auto done = co_await its.dispatcher().cancel_by_key("later");
    CHECK(done);
  }(story));
  story.crash_and_restart(1);
  story.told.clear();
  story.send("later");
  CHECK(story.told == Lines{"Cancelled cancelled"});
  CHECK(story.journal().find("later")->state == JobRecord::State::cancelled);
  CHECK(story.runner().started.empty());
  Message other = story.message("other", "later");  // another message of that id
  story.transport.send(other);
  story.settle_down();
  CHECK(story.runner().started.size() == 1);
}

TEST_CASE("a cancel by key of a job that comes again ends it at once, and its copy is answered") {
  RunnerPolicy policy;
  policy.retry_delay = 1min;
  Story story(1, policy);
  story.runner().script("job", outcome(Kind::blocked, "exit 75"));
  const Message first = story.message("job");
  story.transport.send(first);
  story.settle_down();
  CHECK(story.told == Lines{"Building", "Blocked exit 75"});
  story.run([](Story& its) -> Task<void> {
    const auto done = co_await its.dispatcher().cancel_by_key("job");
    CHECK(done);
  }(story));
  CHECK(story.told.back() == "Cancelled cancelled");
  Message copy = first;
  copy.headers[attempt_header] = std::int64_t{2};
  story.transport.send(copy);
  story.settle_down();
  CHECK(story.runner().started == Lines{"job"});
}
