// Equal messages without an id, of kinds whose equals are many jobs.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/flow/story.h"

using namespace rbit;
using namespace rbit::test;
using Kind = Outcome::Kind;

namespace {

RunnerPolicy any_message() {
  RunnerPolicy policy;
  policy.message = MessageKind::json;
  return policy;
}

struct Twins : Story {
  Twins() : Story(3, any_message()) { takes_anything = true; }

  static Message trigger() {
    Message made;
    made.queue = "build";
    made.body = "{}";
    return made;
  }
  void send_one(bool redelivered = false) {
    Message one = trigger();
    one.redelivered = redelivered;
    transport.send(one);
    settle_down();
  }
};

}  // namespace

TEST_CASE("equal messages without an id are a job each, also while one of them runs") {
  Twins story;
  story.send_one();
  story.send_one();
  CHECK(story.runner().running == 2);
  story.runner().end("", outcome(Kind::done));
  story.settle_down();
  CHECK(story.transport.settled.size() == 2);
  CHECK(story.told == std::vector<std::string>{"Building", "Building", "Done", "Done"});
}

TEST_CASE("after a lost connection each of them has its message again") {
  Twins story;
  story.send_one();
  story.send_one();
  story.transport.lose_connection();  // both come again
  story.settle_down();
  CHECK(story.runner().running == 2);
  story.runner().end("", outcome(Kind::failed, "exit 2"));
  story.settle_down();
  REQUIRE(story.transport.settled.size() == 2);  // each is a dead letter, under a name of its own
  CHECK(story.transport.settled[0].id != story.transport.settled[1].id);
  CHECK(story.transport.out() == 0);
}

TEST_CASE("after a crash each of them runs again") {
  Twins story;
  story.send_one();
  story.send_one();
  story.crash_and_restart(3);
  story.transport.lose_connection();
  story.settle_down();
  CHECK(story.runner().running == 2);
  CHECK(story.runner().attempts == std::vector<int>{2, 2});
}
