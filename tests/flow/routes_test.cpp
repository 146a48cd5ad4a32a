#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/flow/story.h"

// Queues whose messages are several runners' (dispatch/slot_queue.h).

using namespace rbit;
using namespace rbit::test;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;
using Lines = std::vector<std::string>;

namespace {

RunnerPolicy one_slot() {
  RunnerPolicy made;
  made.slots = 1;
  return made;
}

/// Queue "mixed" of two runners with a slot each, of `slots` in all.
class RouteStory : public Story {
 public:
  explicit RouteStory(int slots = 4) : Story(slots, one_slot(), one_slot()) {
    transport.take_back();
  }
  Message of(const std::string& runner, const std::string& package) {
    Message made = message(package, "", "mixed");
    made.headers["runner"] = runner;
    return made;
  }
  void send_to(const std::string& runner, const std::string& package) {
    transport.send(of(runner, package));
    settle_down();
  }
  void end(const std::string& package) {
    runner().end(package, outcome(Kind::done));
    settle_down();
  }
  int held() { return dispatcher().ahead(); }
};

}  // namespace

TEST_CASE("routes: a message whose runner is busy waits here, and those of another begin") {
  RouteStory story;
  story.send_to("make", "1");
  story.send_to("make", "2");
  story.send_to("guest", "3");
  CHECK(story.runner().started == Lines{"1", "3"});
  CHECK(story.held() == 1);
  CHECK(story.transport.given_back == 0);
  story.end("1");
  CHECK(story.runner().started == Lines{"1", "3", "2"});
  CHECK(story.held() == 0);
  story.end("2");
  story.end("3");
  CHECK(story.transport.settled.size() == 3);
}

TEST_CASE("routes: at most as many wait as the runners have slots; then the queue waits") {
  RouteStory story;
  for (int i = 1; i <= 9; ++i) story.send_to("make", std::to_string(i));
  CHECK(story.held() == 2);
  CHECK(story.transport.waiting() == 6);
  CHECK(story.transport.credit("mixed") == 0);
  for (int i = 1; i <= 9; ++i) {
    CHECK(story.runner().started.back() == std::to_string(i));
    story.end(std::to_string(i));
  }
  CHECK(story.runner().started.size() == 9);
  CHECK(story.transport.settled.size() == 9);
  CHECK(story.transport.given_back == 0);
  CHECK(story.transport.credit("mixed") == 2);
}

TEST_CASE("routes: the credit is what the runners have free, and what there is in all") {
  RouteStory story(1);
  CHECK(story.transport.credit("mixed") == 1);
  story.send_to("make", "1");
  CHECK(story.transport.credit("mixed") == 0);
  story.end("1");
  CHECK(story.transport.credit("mixed") == 1);
}

TEST_CASE("routes: jobs of its runners' own queues count") {
  RouteStory story;
  story.send("own");  // of "build", which is make's
  CHECK(story.transport.credit("mixed") == 1);
  story.send_to("make", "1");
  CHECK(story.held() == 1);
  story.end("own");
  CHECK(story.runner().started == Lines{"own", "1"});
  CHECK(story.held() == 0);
}

TEST_CASE(
    "routes: what no runner is named for is a dead letter with its reason, and uses nothing up") {
  RouteStory story;
  for (int i = 0; i < 20; ++i) story.send_to("nobody", std::to_string(i));
  REQUIRE(story.transport.settled.size() == 20);
  CHECK(story.transport.settled[0].settlement.kind == Settlement::Kind::dead_letter);
  CHECK(story.transport.settled[0].settlement.reason.starts_with("no-route"));
  CHECK(story.refused.size() == 20);
  CHECK(story.runner().started.empty());
  CHECK(story.transport.credit("mixed") == 2);
}

TEST_CASE("routes: who has waited for a minute goes back, for another rbit") {
  RouteStory story;
  story.send_to("make", "1");
  story.send_to("make", "2");
  CHECK(story.held() == 1);
  for (int i = 0; i < 59; ++i) story.pass(1s);
  CHECK(story.transport.given_back == 0);
  for (int i = 0; i < 3; ++i) story.pass(1s);
  CHECK(story.transport.given_back == 1);
  CHECK(story.held() == 1);  // there is no other
  story.end("1");
  CHECK(story.runner().started == Lines{"1", "2"});
}

TEST_CASE("routes: what waits goes back when its queue is paused, and when rbit stops") {
  RouteStory story;
  story.send_to("make", "1");
  story.send_to("make", "2");
  story.dispatcher().pause("mixed", 1);
  story.settle_down();
  CHECK(story.held() == 0);
  CHECK(story.transport.given_back == 1);
  story.dispatcher().resume("mixed");
  story.settle_down();
  CHECK(story.held() == 1);
  bool ended = false;
  story.drain(10min, ended);
  CHECK(story.held() == 0);
  CHECK(story.transport.given_back == 2);
  story.end("1");
  story.pass(1s);
  CHECK(ended);
}

TEST_CASE("routes: what waits while its connection is lost comes again once") {
  RouteStory story;
  story.send_to("make", "1");
  story.send_to("make", "2");
  story.transport.lose_connection();
  story.settle_down();
  for (int i = 0; i < 3; ++i) story.pass(1s);
  CHECK(story.runner().started == Lines{"1"});
  story.end("1");
  story.pass(1s);
  CHECK(story.runner().started == Lines{"1", "2"});
  story.end("2");
  story.pass(1s);
  CHECK(story.transport.waiting() == 0);
  CHECK(story.transport.out() == 0);
}

TEST_CASE("routes: a message of which rbit dies is counted before its runner is looked for") {
  RouteStory story;
  story.dies_reading("killer");
  story.send_to("make", "killer");
  for (int deaths = 1; deaths <= 3; ++deaths) story.crash_and_restart();
  CHECK(story.read == 4);
  story.crash_and_restart();
  CHECK(story.read == 4);
  REQUIRE(story.transport.settled.size() == 1);
  CHECK(story.transport.settled[0].settlement.reason.starts_with("poison"));
  story.send_to("guest", "next");
  CHECK(story.runner().started == Lines{"next"});
}
