#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/flow/story.h"

using namespace rbit;
using namespace rbit::test;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;
using Lines = std::vector<std::string>;

TEST_CASE("a job is done: told, recorded, acknowledged last") {
  Story story;
  story.send("hello");
  CHECK(story.told == Lines{"Building"});
  CHECK(story.transport.settled.empty());
  story.runner().end("hello", outcome(Kind::done));
  story.settle_down();
  CHECK(story.told == Lines{"Building", "Done"});
  REQUIRE(story.transport.settled.size() == 1);
  CHECK(story.transport.settled[0].settlement.kind == Settlement::Kind::accept);
  const auto record = story.journal().find("hello");
  REQUIRE(record.has_value());
  CHECK(record->state == JobRecord::State::done);
  CHECK(record->settled);
}

TEST_CASE("a job fails: final, and its message is a dead letter with the reason") {
  Story story;
  story.runner().script("bad", outcome(Kind::failed, "exit 2", "no such file"));
  story.send("bad");
  CHECK(story.told == Lines{"Building", "Failed exit 2: no such file"});
  REQUIRE(story.transport.settled.size() == 1);
  CHECK(story.transport.settled[0].settlement.kind == Settlement::Kind::dead_letter);
  CHECK(story.transport.settled[0].settlement.reason == "exit 2");
}

TEST_CASE("a runner's own statuses come between, in order, each once") {
  Story story;
  story.runner().script("chatty", outcome(Kind::done), [](RunContext& context) {
    context.report(Status::building, "half");
    context.report(Status::building, "nearly");
  });
  story.send("chatty");
  CHECK(story.told == Lines{"Building", "Building: half", "Building: nearly", "Done"});
}

TEST_CASE("a blocked job comes back as its next attempt, until there are no more") {
  RunnerPolicy policy;
  policy.attempts = 2;
  Story story(2, policy);
  story.runner().script("later", outcome(Kind::blocked, "exit 75"));
  const Message message = story.message("later");
  story.transport.send(message);
  story.settle_down();
  REQUIRE(story.transport.settled.size() == 1);
  CHECK(story.transport.settled[0].settlement.kind == Settlement::Kind::retry);
  CHECK(story.transport.settled[0].settlement.delay == 60s);
  Message copy = message;
  copy.headers[attempt_header] = std::int64_t{2};
  story.transport.send(copy);
  story.settle_down();
  CHECK(story.runner().attempts == std::vector<int>{1, 2});
  REQUIRE(story.transport.settled.size() == 2);
  CHECK(story.transport.settled[1].settlement.kind == Settlement::Kind::dead_letter);
  CHECK(story.told == Lines{"Building", "Blocked exit 75", "Building", "Failed exit 75"});
}

TEST_CASE("no more jobs than slots, and a freed slot takes the next at once") {
  Story story(2);
  for (const char* package : {"a", "b", "c"}) story.send(package);
  CHECK(story.runner().started == Lines{"a", "b"});
  CHECK(story.transport.waiting() == 1);
  story.runner().end("a", outcome(Kind::done));
  story.settle_down();
  CHECK(story.runner().started == Lines{"a", "b", "c"});
}

TEST_CASE("what raced for a slot goes back, and runs when it comes again") {
  Story story(1);
  story.send("a");
  const Message late = story.message("late");
  story.transport.push(late);
  story.settle_down();
  CHECK(story.transport.given_back == 1);
  story.runner().end("a", outcome(Kind::done));
  Message again = late;
  again.redelivered = true;
  story.transport.send(again);
  story.settle_down();
  CHECK(story.runner().started == Lines{"a", "late"});
}

TEST_CASE("a redelivered message of a running job joins it") {
  Story story;
  story.send("long");
  story.transport.lose_connection();
  story.settle_down();
  CHECK(story.runner().started == Lines{"long"});
  story.runner().end("long", outcome(Kind::done));
  story.settle_down();
  CHECK(story.told == Lines{"Building", "Done"});
  REQUIRE(story.transport.settled.size() == 1);
  CHECK(story.transport.out() == 0);
}

TEST_CASE("the same message twice at once is one job, and both are answered") {
  Story story(3);
  const Message message = story.message("twin");
  story.transport.send(message);
  story.transport.send(message);
  story.settle_down();
  CHECK(story.runner().started == Lines{"twin"});
  story.runner().end("twin", outcome(Kind::done));
  story.settle_down();
  CHECK(story.transport.settled.size() == 2);
}

TEST_CASE("a redelivered message of a finished job gets no second dead letter, a new one runs") {
  Story story;
  story.runner().script("bad", outcome(Kind::failed, "exit 2"));
  const Message message = story.message("bad");
  story.transport.send(message);
  story.settle_down();
  Message again = message;
  again.redelivered = true;
  story.transport.send(again);
  story.settle_down();
  CHECK(story.runner().started.size() == 1);
  REQUIRE(story.transport.settled.size() == 2);
  CHECK(story.transport.settled[1].settlement.kind == Settlement::Kind::accept);
  CHECK(story.told == Lines{"Building", "Failed exit 2", "Failed"});
  story.transport.send(message);
  story.settle_down();
  CHECK(story.runner().started.size() == 2);
}

TEST_CASE("a connection lost while the verdict is written: the answer waits for the redelivery") {
  Story story;
  story.send("job");
  story.transport.stop_taking();
  story.transport.lose_connection();
  story.runner().end("job", outcome(Kind::done));
  story.settle_down();
  CHECK(story.transport.settled.empty());
  CHECK_FALSE(story.journal().find("job")->settled);
  CHECK(story.told == Lines{"Building", "Done"});
}

TEST_CASE("a settlement that is refused is tried again, not forgotten") {
  Story story;
  story.transport.refuse_settlements(3);
  story.runner().script("bad", outcome(Kind::failed, "exit 1"));
  story.send("bad");
  CHECK(story.transport.settled.empty());
  for (int i = 0; i < 100; ++i) story.pass(250ms);  // more than any jitter takes
  CHECK(story.transport.settled.size() == 1);
}

TEST_CASE("a message that is no job is a dead letter at once, and nothing is told of it") {
  Story story;
  Message bad;
  bad.queue = "build";
  bad.body = "{";
  story.transport.send(bad);
  story.settle_down();
  CHECK(story.told.empty());
  REQUIRE(story.transport.settled.size() == 1);
  CHECK(story.transport.settled[0].settlement.kind == Settlement::Kind::dead_letter);
  CHECK(story.transport.settled[0].settlement.reason == "undecodable: not JSON at byte 2");
  CHECK(story.refused.size() == 1);
}

TEST_CASE("rbit dies during a job: it runs again as the next attempt, three times at most") {
  Story story;
  const Message message = story.message("killer");
  story.transport.send(message);
  story.settle_down();
  for (int life = 2; life <= 3; ++life) {
    story.crash_and_restart();
    story.transport.lose_connection();
    story.settle_down();
    CHECK(story.runner().attempts == std::vector<int>{life});
  }
  story.crash_and_restart();
  story.transport.lose_connection();
  story.settle_down();
  CHECK(story.runner().started.empty());
  REQUIRE(story.transport.settled.size() == 1);
  CHECK(story.transport.settled[0].settlement.reason == "poison");
}

TEST_CASE("a job that outlived its connection is settled by the delivery that joined it") {
  // Once the void delivery beside it kept the settlement from the journal, and the payload in it.
  Story story;
  story.send("long");
  story.transport.lose_connection();
  story.settle_down();
  story.runner().end("long", outcome(Kind::done));
  story.settle_down();
  REQUIRE(story.transport.settled.size() == 1);
  REQUIRE(story.journal().find("long").has_value());
  CHECK(story.journal().find("long")->settled);
}

TEST_CASE("one id for two messages: both run, and each gets its own answer") {
  // Once the second was acknowledged as if it were the first.
  Story story(3);
  const Message first = story.message("one", "1");
  const Message second = story.message("two", "1");
  story.transport.send(first);
  story.transport.send(second);
  story.settle_down();
  CHECK(story.runner().started == Lines{"one", "two"});
  story.runner().end("one", outcome(Kind::done));
  story.runner().end("two", outcome(Kind::failed, "exit 1"));
  story.settle_down();
  CHECK(story.transport.settled.size() == 2);

  Message again = second;
  again.redelivered = true;
  story.transport.send(again);
  story.settle_down();
  CHECK(story.runner().started.size() == 2);
  CHECK(story.told.back() == "Failed");

  story.transport.send(story.message("three", "1"));
  story.settle_down();
  CHECK(story.runner().started == Lines{"one", "two", "three"});
}

TEST_CASE("a queue whose verdicts the broker does not take gives no more jobs meanwhile") {
  Story story(1);
  story.runner().script("bad", outcome(Kind::failed, "exit 1"));
  story.transport.refuse_settlements(2);
  story.send("bad");
  story.send("next");
  story.send("last");
  CHECK(story.runner().started.size() <= 2);        // one may have been let in before it was known
  for (int i = 0; i < 100; ++i) story.pass(250ms);  // more than any jitter takes
  story.runner().end("next", outcome(Kind::done));
  story.settle_down();
  CHECK(story.runner().started == Lines{"bad", "next", "last"});
}
