#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/flow/story.h"

// Messages and jobs of which rbit itself dies.

using namespace rbit;
using namespace rbit::test;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;
using Lines = std::vector<std::string>;

namespace {

/// Ends the life and begins the next; the broker delivers again what was out.
void die(Story& story) {
  story.crash_and_restart();
  story.transport.lose_connection();
  story.settle_down();
}

void pass_hours(Story& story, int hours) {
  for (int i = 0; i < hours; ++i) story.pass(1h);
}

}  // namespace

TEST_CASE("a message whose reading kills rbit is a dead letter after three deaths on record") {
  Story story;
  story.dies_reading("killer");
  story.send("killer");  // its first delivery pays no write, so this death is nowhere
  CHECK(story.read == 1);
  for (int deaths = 1; deaths <= 3; ++deaths) {
    story.crash_and_restart();
    CHECK(story.read == 1 + deaths);
    CHECK(story.transport.settled.empty());
  }
  story.crash_and_restart();
  CHECK(story.read == 4);  // not read again
  REQUIRE(story.transport.settled.size() == 1);
  CHECK(story.transport.settled[0].settlement.kind == Settlement::Kind::dead_letter);
  CHECK(story.transport.settled[0].settlement.reason ==
        "poison: rbit died 3 times within 72 hours while it read this message");
  CHECK(story.told.empty());
  story.send("next");  // and rbit works on
  story.send("more");
  CHECK(story.runner().started == Lines{"next", "more"});
}

TEST_CASE("deaths of more than 72 hours ago do not count: reading is tried anew") {
  Story story;
  story.dies_reading("killer");
  story.send("killer");
  for (int deaths = 1; deaths <= 3; ++deaths) story.crash_and_restart();
  CHECK(story.read == 4);
  pass_hours(story, 72);
  for (int deaths = 1; deaths <= 3; ++deaths) {
    story.crash_and_restart();
    CHECK(story.read == 4 + deaths);
  }
  story.crash_and_restart();
  CHECK(story.read == 7);
  CHECK(story.transport.settled.size() == 1);
}

TEST_CASE("a message that can be read after all is a job like any other") {
  Story story;
  story.dies_reading("job");
  story.send("job");
  for (int deaths = 1; deaths <= 2; ++deaths) story.crash_and_restart();
  story.dies_reading("");  // another rbit was installed
  story.crash_and_restart();
  CHECK(story.runner().started == Lines{"job"});
  CHECK(story.runner().attempts == std::vector<int>{1});
  CHECK(story.reading() == 0);
}

TEST_CASE("connections that are lost and orderly stops are no deaths") {
  Story story(1);
  story.send("long");
  Message other = story.message("other");
  other.redelivered = true;
  story.transport.push(other);  // no slot: it goes back
  CHECK(story.read == 1);
  CHECK(story.reading() == 0);
  story.runner().end("long", outcome(Kind::done));
  story.settle_down();
  story.transport.push(other);  // it is counted, and then the stop comes
  CHECK(story.read == 1);
  story.run(story.dispatcher().drain(0ms));
  story.settle_down();
  CHECK(story.read == 1);  // it went back unread
  CHECK(story.reading() == 0);
  story.crash_and_restart(2);
  story.transport.go_on();
  for (int i = 0; i < 5; ++i) {
    story.transport.lose_connection();
    story.settle_down();
  }
  CHECK(story.runner().started == Lines{"other"});
  CHECK(story.reading() == 0);
  for (const auto& settled : story.transport.settled)
    CHECK(settled.settlement.kind != Settlement::Kind::dead_letter);
}

TEST_CASE(
    "a first delivery costs no write before J1, and one that came again is on record when read") {
  Story story;
  int marks = -1;
  story.while_reading = [&] { marks = story.reading(); };
  story.send("new");
  CHECK(marks == 0);
  Message again = story.message("again");
  again.redelivered = true;
  story.transport.send(again);
  story.settle_down();
  CHECK(marks == 1);
  CHECK(story.reading() == 0);
  CHECK(story.runner().started == Lines{"new", "again"});
}

TEST_CASE("a message that came again and is no job is a dead letter, and not counted any more") {
  Story story;
  Message bad;
  bad.queue = "build";
  bad.body = "{";
  bad.redelivered = true;
  story.transport.send(bad);
  story.settle_down();
  REQUIRE(story.transport.settled.size() == 1);
  CHECK(story.transport.settled[0].settlement.reason == "undecodable: not JSON at byte 2");
  CHECK(story.reading() == 0);
  story.send("a");
  story.send("b");
  CHECK(story.runner().started == Lines{"a", "b"});  // the slot is free again
}

TEST_CASE("two deliveries of one message at once are one job, whichever is counted first") {
  Story story;
  Message message = story.message("job");
  message.redelivered = true;
  story.transport.push(message);
  story.transport.push(message);
  story.settle_down();
  CHECK(story.runner().started == Lines{"job"});
  CHECK(story.transport.given_back == 1);  // it comes once more, and joins
  CHECK(story.reading() == 0);
}

TEST_CASE("a message that cannot be counted is not read: it goes back until the journal works") {
  Story story;
  story.fail_counts(true);
  Message message = story.message("job");
  message.redelivered = true;
  story.transport.push(message);
  story.settle_down();
  CHECK(story.read == 0);
  CHECK(story.transport.given_back == 1);
  story.fail_counts(false);
  story.pass(250ms);
  story.transport.push(message);
  story.settle_down();
  CHECK(story.runner().started == Lines{"job"});
}

TEST_CASE("three deaths during a job within 72 hours, not three in all") {
  Story story;
  story.send("job");
  die(story);
  die(story);
  pass_hours(story, 73);
  die(story);  // the third, and the first of these days
  CHECK(story.runner().attempts == std::vector<int>{4});
  die(story);
  CHECK(story.runner().attempts == std::vector<int>{5});
  die(story);
  CHECK(story.runner().started.empty());
  REQUIRE(story.transport.settled.size() == 1);
  CHECK(story.transport.settled[0].settlement.reason == "poison");
  CHECK(story.told.back() == "Failed poison: rbit died 3 times within 72 hours during this job");
}

TEST_CASE("an owned job has the same 72 hours") {
  RunnerPolicy policy;
  policy.ack_after = 0ms;
  Story story(2, policy);
  story.send("job");
  story.crash_and_restart();
  story.crash_and_restart();
  pass_hours(story, 73);
  story.crash_and_restart();
  CHECK(story.runner().attempts == std::vector<int>{4});
  story.crash_and_restart();
  CHECK(story.runner().attempts == std::vector<int>{5});
  story.crash_and_restart();
  CHECK(story.runner().started.empty());
  REQUIRE(story.transport.settled.size() == 1);
  CHECK(story.transport.settled[0].settlement.reason == "poison");
}
