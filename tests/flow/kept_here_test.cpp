// Copies that the broker refuses (RELIABILITY.md 4): the journal stands for their messages.
#include <doctest/doctest.h>

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
  CHECK(story.dispatcher().running().empty());
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
