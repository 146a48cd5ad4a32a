// Jobs that cannot begin for want of something that this machine has too little of.
#include <doctest/doctest.h>

#include <cerrno>

#include "tests/flow/story.h"

using namespace rbit;
using namespace rbit::test;
using Kind = Outcome::Kind;
using Lines = std::vector<std::string>;
using namespace std::chrono_literals;

namespace {

Outcome no_room() {
  Outcome short_of = outcome(Kind::not_started, "not-started", "pipe: Too many open files");
  short_of.shortage = EMFILE;
  return short_of;
}

/// In steps, for who wakes up before his time has come goes to sleep again.
void pass(Story& story, int seconds) {
  for (int i = 0; i < 4 * seconds; ++i) story.pass(250ms);
}

}  // namespace

TEST_CASE("a job that this machine has no room for waits here and costs no attempt") {
  RunnerPolicy policy;
  policy.attempts = 1;
  Story story(4, policy);
  story.send("running");
  story.runner().script("job", no_room());
  story.send("job");
  CHECK(story.told == Lines{"Building", "Building"});
  CHECK(story.transport.credit("build") == 0);  // two have no room already
  pass(story, 60);
  const auto tries = story.runner().started.size();
  CHECK(tries > 5);
  CHECK(tries < 100);  // and not at every turn of the loop
  CHECK(story.transport.given_back == 0);
  CHECK(story.transport.settled.empty());
  CHECK(story.transport.credit("build") == 0);

  story.runner().script("job", outcome(Kind::done));
  pass(story, 6);
  CHECK(story.told == Lines{"Building", "Building", "Done"});
  CHECK(story.journal().find("job")->attempt == 1);
  REQUIRE(story.transport.settled.size() == 1);
  CHECK(story.transport.settled[0].settlement.kind == Settlement::Kind::accept);
  // As many as ran are taken; more when it went well for a while.
  CHECK(story.transport.credit("build") == 0);
  pass(story, 60);
  CHECK(story.transport.credit("build") == 3);
}

TEST_CASE("one that nothing runs beside is tried all the same, and the others after it") {
  Story story(3);
  story.runner().script("one", no_room());
  story.runner().script("two", no_room());
  story.send("one");
  story.send("two");
  CHECK(story.runner().started.front() == "one");
  story.runner().script("one", outcome(Kind::done));
  story.runner().script("two", outcome(Kind::done));
  pass(story, 60);
  CHECK(story.told.size() == 4);
  CHECK(story.transport.settled.size() == 2);
  CHECK(story.transport.credit("build") == 3);
}

TEST_CASE("a cancel ends a job that waits for room") {
  Story story(1);
  story.runner().script("job", no_room());
  story.send("job");
  CHECK(story.dispatcher().cancel("job"));
  pass(story, 1);
  CHECK(story.told.back() == "Cancelled cancelled");
  REQUIRE(story.transport.settled.size() == 1);
  CHECK(story.transport.settled[0].settlement.kind == Settlement::Kind::accept);
}

TEST_CASE("a stop gives back a job that waits for room, as it was") {
  Story story(1);
  story.runner().script("job", no_room());
  story.send("job");
  bool ended = false;
  story.drain(std::chrono::hours(1), ended);
  pass(story, 1);
  CHECK(ended);
  CHECK(story.told == Lines{"Building"});
  CHECK(story.transport.given_back == 1);
  CHECK(story.journal().find("job")->attempt == 1);
}
