// Copies that the broker refuses: the journal stands for their messages.
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

/// A job that is blocked once, while no retry queue takes it.
void block_once(Story& story, const std::string& package) {
  story.runner().script(package, outcome(Kind::blocked, "exit 75"));
  story.transport.refuse_copies(true);
  story.send(package);
  story.runner().script(package, outcome(Kind::done));
}

}  // namespace

TEST_CASE("a retry that the broker refuses waits in the journal, acknowledged, without a slot") {
  Story story(1);
  block_once(story, "later");
  CHECK(story.told == Lines{"Building", "Blocked exit 75"});
  CHECK(story.transport.acknowledged.size() == 1);
  CHECK(story.transport.settled.empty());
  CHECK(story.dispatcher().slots().used() == 0);
  CHECK(story.transport.credit("build") == 1);  // the queue is not held up
  CHECK(story.journal().owned_jobs() == Lines{"later"});

  story.pass(59s);
  CHECK(story.runner().attempts == std::vector<int>{1});
  story.pass(2s);
  CHECK(story.runner().attempts == std::vector<int>{1, 2});
  CHECK(story.told == Lines{"Building", "Blocked exit 75", "Building", "Done"});
  CHECK(story.journal().owned_jobs().empty());
  CHECK(story.journal().find("later")->settled);
}

TEST_CASE("a retry that waits here is found after a crash, and keeps its time") {
  Story story(1);
  block_once(story, "later");
  story.pass(30s);
  story.crash_and_restart(1);
  story.runner().script("later", outcome(Kind::done));
  story.settle_down();
  CHECK(story.runner().started.empty());
  story.pass(31s);
  CHECK(story.runner().attempts == std::vector<int>{2});
  CHECK(story.told.back() == "Done");
}

TEST_CASE("a clock that is set back over a restart makes no pause of a retry longer") {
  Story story(1);
  block_once(story, "later");
  story.clock.jump(-24h * 365);
  story.crash_and_restart(1);
  story.runner().script("later", outcome(Kind::done));
  story.settle_down();
  CHECK(story.runner().started.empty());
  story.pass(61s);
  CHECK(story.runner().attempts == std::vector<int>{2});
  CHECK(story.told.back() == "Done");
}

TEST_CASE("a job that waits here is acknowledged when it comes again") {
  Story story(1);
  story.runner().script("later", outcome(Kind::blocked, "exit 75"));
  story.transport.refuse_copies(true);
  Message again = story.message("later");
  story.transport.send(again);
  story.settle_down();
  again.redelivered = true;
  story.transport.send(again);
  story.settle_down();
  CHECK(story.transport.acknowledged.size() == 2);
  CHECK(story.runner().attempts == std::vector<int>{1});
}

TEST_CASE("a retry here counts as one: after the last there is a dead letter") {
  RunnerPolicy policy;
  policy.attempts = 2;
  Story story(1, policy);
  story.runner().script("later", outcome(Kind::blocked, "exit 75"));
  story.transport.refuse_copies(true);
  story.send("later");
  story.transport.refuse_copies(false);
  story.pass(61s);
  CHECK(story.told == Lines{"Building", "Blocked exit 75", "Building", "Failed exit 75"});
  REQUIRE(story.transport.settled.size() == 1);
  CHECK(story.transport.settled[0].settlement.kind == Settlement::Kind::dead_letter);
}

TEST_CASE("a dead letter that nobody takes stays here, and moves when somebody does") {
  Story story(1);
  story.runner().script("bad", outcome(Kind::failed, "exit 2"));
  story.transport.refuse_copies(true);
  story.send("bad");
  CHECK(story.told == Lines{"Building", "Failed exit 2"});
  CHECK(story.transport.acknowledged.size() == 1);
  CHECK(story.transport.credit("build") == 1);
  story.pass(61s);
  CHECK(story.transport.settled.empty());
  story.transport.refuse_copies(false);
  story.pass(61s);
  REQUIRE(story.transport.settled.size() == 1);
  CHECK(story.transport.settled[0].settlement.kind == Settlement::Kind::dead_letter);
  CHECK(story.transport.settled[0].settlement.reason == "exit 2");
  CHECK(story.journal().owned_jobs().empty());
  story.pass(300s);
  CHECK(story.transport.settled.size() == 1);
}

TEST_CASE("a message that is no job is kept too, over a restart") {
  Story story(1);
  Message bad;
  bad.queue = "build";
  bad.body = "no json";
  bad.headers["colour"] = std::string("blue");
  story.transport.refuse_copies(true);
  story.transport.send(bad);
  story.settle_down();
  CHECK(story.transport.acknowledged == Lines{"no json"});
  story.transport.refuse_copies(false);
  story.crash_and_restart(1);
  story.settle_down();
  REQUIRE(story.transport.settled.size() == 1);
  CHECK(story.transport.settled[0].body == "no json");
  CHECK(story.transport.settled[0].settlement.reason.starts_with("undecodable"));
  CHECK(story.journal().owned_jobs().empty());
}

TEST_CASE("two messages of one id that are no jobs, at once: both are kept") {
  Story story(2);
  Message one, other;
  one.queue = other.queue = "build";
  one.message_id = other.message_id = "twin";
  one.body = "no json";
  other.body = "none either";
  story.transport.refuse_copies(true);
  story.transport.send(one);
  story.transport.send(other);
  story.settle_down();
  CHECK(story.transport.acknowledged == Lines{"no json", "none either"});
  CHECK(story.journal().owned_jobs().size() == 2);
  story.transport.refuse_copies(false);
  story.crash_and_restart(1);
  story.settle_down();
  REQUIRE(story.transport.settled.size() == 2);
  CHECK(story.transport.settled[0].body == "no json");
  CHECK(story.transport.settled[1].body == "none either");
  CHECK(story.journal().owned_jobs().empty());
}

TEST_CASE("a cancel reaches a job that waits here for its time") {
  Story story(1);
  block_once(story, "later");
  CHECK_FALSE(story.dispatcher().cancel("2"));
  CHECK_FALSE(story.dispatcher().cancel(""));
  REQUIRE(story.dispatcher().cancel("1"));  // PyBit's number
  story.settle_down();
  const Lines told{"Building", "Blocked exit 75", "Cancelled cancelled"};
  CHECK(story.told == told);
  CHECK(story.journal().owned_jobs().empty());
  CHECK(story.dispatcher().ledger().all_running().empty());
  const auto record = story.journal().find("later");
  CHECK(record->state == JobRecord::State::cancelled);
  CHECK(record->settled);
  CHECK_FALSE(story.dispatcher().cancel("1"));  // it is over

  story.pass(120s);
  CHECK(story.told == told);
  CHECK(story.runner().attempts == std::vector<int>{1});
  story.crash_and_restart(1);
  story.pass(120s);
  CHECK(story.runner().started.empty());
}

TEST_CASE("a cancel reaches a job of an earlier life that waits here for a slot") {
  RunnerPolicy policy;
  policy.ack_after = 0ms;
  Story story(2, policy);
  story.send("first");
  story.send("second");
  story.crash_and_restart(1);
  REQUIRE(story.runner().started == Lines{"first"});
  REQUIRE(story.dispatcher().cancel("second"));  // by its key
  story.settle_down();
  CHECK(story.told.back() == "Cancelled cancelled");
  story.runner().end("first", outcome(Kind::done));
  story.settle_down();
  CHECK(story.runner().started == Lines{"first"});
  CHECK(story.journal().owned_jobs().empty());
}

TEST_CASE("the message of a job whose cancel is being written gets the same answer") {
  Story story(1);
  story.runner().script("later", outcome(Kind::blocked, "exit 75"));
  story.transport.refuse_copies(true);
  Message again = story.message("later");
  story.transport.send(again);
  story.settle_down();
  again.redelivered = true;
  REQUIRE(story.dispatcher().cancel("later"));
  story.transport.send(again);  // before anything is written
  story.settle_down();
  CHECK(story.transport.acknowledged.size() == 2);
  CHECK(story.runner().attempts == std::vector<int>{1});
  CHECK(story.told.back() == "Cancelled cancelled");
  CHECK(story.transport.waiting() + story.transport.out() == 0);
}

TEST_CASE("a dead letter that waits here is not lost when its job is asked for again") {
  Story story(1);
  story.runner().script("bad", outcome(Kind::failed, "exit 2"));
  story.transport.refuse_copies(true);
  const Message message = story.message("bad");
  story.transport.send(message);
  story.settle_down();
  REQUIRE(story.journal().owned_jobs() == Lines{"bad"});

  story.runner().script("bad", outcome(Kind::done));
  story.transport.send(message);
  story.settle_down();
  CHECK(story.told == Lines{"Building", "Failed exit 2", "Building", "Done"});
  CHECK(story.journal().find("bad")->settled);
  REQUIRE(story.journal().owned_jobs().size() == 1);  // under a key of its own
  CHECK(story.journal().owned_jobs()[0] != "bad");

  story.transport.refuse_copies(false);
  story.crash_and_restart(1);
  REQUIRE(story.transport.settled.size() == 2);
  CHECK(story.transport.settled[1].settlement.kind == Settlement::Kind::dead_letter);
  CHECK(story.transport.settled[1].settlement.reason == "exit 2");
  CHECK(story.transport.settled[1].body == message.body);
  CHECK(story.journal().owned_jobs().empty());
  CHECK(story.journal().find("bad")->state == JobRecord::State::done);
  CHECK(story.runner().started.empty());
}

TEST_CASE("a dead letter with the id of a retry that waits here moves when somebody takes it") {
  Story story(1);
  block_once(story, "later");
  Message other = story.message("later");
  other.body = "no job";
  story.transport.send(other);
  story.settle_down();
  REQUIRE(story.journal().owned_jobs().size() == 2);
  story.transport.refuse_copies(false);
  story.pass(61s);
  const auto& settled = story.transport.settled;
  CHECK(std::count_if(settled.begin(), settled.end(), [](const auto& one) {
          return one.settlement.kind == Settlement::Kind::dead_letter && one.body == "no job";
        }) == 1);
  CHECK(story.journal().owned_jobs().empty());
}

TEST_CASE("a dead letter of an earlier run that is refused again leaves the present run alone") {
  Story story(1);
  story.runner().script("bad", outcome(Kind::failed, "exit 2"));
  story.transport.refuse_copies(true);
  const Message message = story.message("bad");
  story.transport.send(message);
  story.settle_down();
  story.crash_and_restart(1);
  story.transport.send(message);  // runs until it is told to end
  story.settle_down();
  REQUIRE(story.runner().running == 1);
  story.pass(61s);  // offered, and refused
  CHECK(story.journal().find("bad")->state == JobRecord::State::running);
  story.runner().end("bad", outcome(Kind::failed, "exit 3"));
  story.settle_down();
  CHECK(story.journal().owned_jobs().size() == 2);
  story.transport.refuse_copies(false);
  for (int i = 0; i < 3; ++i) story.pass(61s);
  REQUIRE(story.transport.settled.size() == 2);
  CHECK(story.transport.settled[0].settlement.reason !=
        story.transport.settled[1].settlement.reason);
  CHECK(story.journal().owned_jobs().empty());
}

TEST_CASE(
    "a job that is asked for while its dead letter is being moved waits for the end of that") {
  Story story(1);
  story.runner().script("bad", outcome(Kind::failed, "exit 2"));
  story.transport.refuse_copies(true);
  const Message message = story.message("bad");
  story.transport.send(message);
  story.settle_down();
  story.transport.refuse_copies(false);
  story.transport.refuse_settlements(1000);  // it is tried again a little later, at random
  story.crash_and_restart(1);
  story.runner().script("bad", outcome(Kind::done));
  story.transport.push(message);
  story.settle_down();
  CHECK(story.runner().started.empty());
  CHECK(story.transport.settled.empty());
  story.transport.refuse_settlements(0);
  for (int i = 0; i < 60 && story.transport.settled.empty(); ++i) story.pass(250ms);
  CHECK(story.runner().started == Lines{"bad"});
  REQUIRE(story.transport.settled.size() == 2);
  CHECK(story.transport.settled[0].settlement.kind == Settlement::Kind::dead_letter);
  CHECK(story.transport.settled[1].settlement.kind == Settlement::Kind::accept);
  CHECK(story.journal().owned_jobs().empty());
  CHECK(story.journal().find("bad")->state == JobRecord::State::done);
}

namespace {

/// As a quorum queue delivers what it has delivered `count` times before.
Message returned(Story& story, const std::string& package, std::int64_t count) {
  Message message = story.message(package);
  message.redelivered = true;
  message.headers["x-delivery-count"] = count;
  return message;
}

}  // namespace

TEST_CASE("what came back ten times and has no slot stays here: its queue might drop it") {
  Story story(1);
  story.send("long");
  const Message often = returned(story, "often", 10);
  story.transport.push(returned(story, "rarely", 9));
  story.settle_down();
  CHECK(story.transport.given_back == 1);
  CHECK(story.journal().owned_jobs().empty());
  story.transport.push(often);
  story.transport.push(often);  // its first delivery is still being written
  story.settle_down();
  CHECK(story.transport.given_back == 2);  // that one comes again, and finds the other
  CHECK(story.transport.acknowledged == Lines{often.body});
  CHECK(story.journal().owned_jobs() == Lines{"often"});
  CHECK(story.reading() == 0);
  CHECK(story.runner().started == Lines{"long"});
  CHECK(story.told == Lines{"Building"});

  story.runner().end("long", outcome(Kind::done));
  story.settle_down();
  CHECK(story.runner().started == Lines{"long", "often"});
  CHECK(story.runner().attempts == std::vector<int>{1, 1});
  story.runner().end("often", outcome(Kind::failed, "exit 2"));
  story.settle_down();
  REQUIRE(story.transport.settled.size() == 2);
  CHECK(story.transport.settled[1].settlement.kind == Settlement::Kind::dead_letter);
  CHECK(story.transport.settled[1].body == often.body);
  CHECK(story.journal().owned_jobs().empty());
}

TEST_CASE("what stays here for having come back too often outlives rbit") {
  Story story(1);
  story.send("long");
  story.transport.push(returned(story, "often", 12));
  story.settle_down();
  story.crash_and_restart(1);
  CHECK(story.runner().started == Lines{"often"});
  CHECK(story.runner().attempts == std::vector<int>{1});
  CHECK(story.journal().recent_deaths("often").during == 0);
}

TEST_CASE("what came back too often and cannot be put on record goes back all the same") {
  Story story(1);
  story.send("long");
  story.refuse_begins(true);
  story.transport.push(returned(story, "often", 10));
  story.settle_down();
  CHECK(story.transport.given_back == 1);
  CHECK(story.transport.acknowledged.empty());
  story.refuse_begins(false);
}

TEST_CASE("our stop leaves a retry that waits here where it is, with its time") {
  Story story(1);
  block_once(story, "later");
  story.pass(30s);
  story.run(story.dispatcher().drain(0ms));
  CHECK(story.transport.settled.empty());
  CHECK(story.journal().owned_jobs() == Lines{"later"});
  story.transport.go_on();
  story.crash_and_restart(1);
  story.pass(31s);
  CHECK(story.runner().attempts == std::vector<int>{2});
}

TEST_CASE("a retry that waits here stays while its queue is paused") {
  Story story(1);
  block_once(story, "later");
  story.dispatcher().pause("build", 7);
  story.pass(5min);
  CHECK(story.runner().attempts == std::vector<int>{1});
  story.dispatcher().resume("build");
  story.pass(1s);
  CHECK(story.runner().attempts == std::vector<int>{1, 2});
  CHECK(story.told.back() == "Done");
}
