#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/flow/story.h"

// Messages that are here ahead of their slots (dispatch/ahead.h).

using namespace rbit;
using namespace rbit::test;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;
using Lines = std::vector<std::string>;

namespace {

RunnerPolicy policy(int most) {
  RunnerPolicy made;
  made.prefetch_ahead = most;
  return made;
}

/// A rbit whose messages are in their queue again when they go back.
class AheadStory : public Story {
 public:
  explicit AheadStory(int slots, RunnerPolicy its, std::optional<RunnerPolicy> guest = {})
      : Story(slots, std::move(its), std::move(guest)) {
    transport.take_back();
  }
  int ahead() { return dispatcher().ahead(); }
  void send_all(int from, int to) {
    for (int i = from; i <= to; ++i) send(std::to_string(i));
  }
  /// The job ends that has begun last.
  void end_last(milliseconds after = 1ms) {
    pass(after);
    runner().end(runner().started.back(), outcome(Kind::done));
    settle_down();
  }
};

}  // namespace

TEST_CASE("ahead: nothing until a job has ended, then as many as the key allows, in their order") {
  AheadStory story(1, policy(3));
  story.send_all(1, 7);
  CHECK(story.ahead() == 0);
  CHECK(story.transport.waiting() == 6);
  story.end_last();
  CHECK(story.ahead() == 3);
  CHECK(story.transport.waiting() == 2);
  for (int i = 2; i <= 7; ++i) {
    CHECK(story.runner().started.back() == std::to_string(i));
    CHECK(story.ahead() == std::min(3, 7 - i));
    story.end_last();
  }
  CHECK(story.runner().started == Lines{"1", "2", "3", "4", "5", "6", "7"});
  CHECK(story.transport.given_back == 0);
  CHECK(story.transport.settled.size() == 7);
}

TEST_CASE("ahead: what waits is unread, and on no record") {
  AheadStory story(1, policy(3));
  story.send_all(1, 3);
  story.end_last();
  REQUIRE(story.ahead() == 1);
  CHECK(story.read == 2);
  CHECK_FALSE(story.journal().find("3"));
}

TEST_CASE("ahead: builds have nothing ahead unless it is asked for") {
  AheadStory story(1, RunnerPolicy{});
  story.send_all(1, 4);
  story.end_last();
  CHECK(story.ahead() == 0);
  CHECK(story.transport.waiting() == 2);
}

TEST_CASE("ahead: jobs that are not short have none, and those between few") {
  AheadStory story(2, policy(100));
  story.send_all(1, 30);
  story.end_last(50ms);  // two slots in a tenth of a second: four
  CHECK(story.ahead() == 4);
  AheadStory slow(2, policy(100));
  slow.send_all(1, 30);
  slow.end_last(300ms);
  CHECK(slow.ahead() == 0);
}

TEST_CASE("ahead: behind a job that turns out long nothing stays, until many were short") {
  AheadStory story(1, policy(3));
  story.send_all(1, 100);
  story.end_last();
  REQUIRE(story.ahead() == 3);
  story.pass(249ms);
  CHECK(story.ahead() == 3);
  story.pass(2ms);
  CHECK(story.ahead() == 0);
  CHECK(story.transport.given_back == 3);
  CHECK(story.transport.credit("build") == 0);
  CHECK(story.transport.waiting() == 98);
  // They were never read here: that they come again is not held against them.
  story.while_reading = [&] { CHECK(story.reading() == 0); };
  for (int i = 0; i < 10; ++i) {
    story.end_last();
    CHECK(story.ahead() == 0);
  }
  for (int i = 0; i < 40; ++i) story.end_last();
  CHECK(story.ahead() == 3);
  for (int i = 0; i < 50; ++i) story.end_last();
  CHECK(story.runner().started.size() == 100);
  for (int i = 1; i <= 100; ++i)
    CHECK(story.runner().started[static_cast<std::size_t>(i) - 1] == std::to_string(i));
}

TEST_CASE("ahead: one slot that goes on is enough for those that wait to stay") {
  AheadStory story(2, policy(4));
  story.send_all(1, 60);
  story.end_last();
  for (int i = 0; i < 50; ++i) story.end_last(20ms);  // job 1 runs for a second
  CHECK(story.transport.given_back == 0);
  CHECK(story.ahead() > 0);
}

TEST_CASE("ahead: a stop gives back what has not begun, at once") {
  AheadStory story(1, policy(3));
  story.send_all(1, 7);
  story.end_last();
  bool ended = false;
  story.drain(10min, ended);
  CHECK(story.ahead() == 0);
  CHECK(story.transport.given_back == 3);
  CHECK(story.transport.waiting() == 5);
  CHECK_FALSE(ended);
  story.end_last();
  CHECK(ended);
  CHECK(story.runner().started == Lines{"1", "2"});
}

TEST_CASE("ahead: while the intake is held nothing waits here, and nothing is lost") {
  AheadStory story(1, policy(3));
  story.send_all(1, 5);
  story.end_last();
  story.dispatcher().hold("state-dir /s has 3 bytes free");
  CHECK(story.ahead() == 0);
  CHECK(story.transport.waiting() == 3);
  story.dispatcher().hold("");
  CHECK(story.ahead() == 3);
  for (int i = 0; i < 4; ++i) story.end_last();
  CHECK(story.runner().started == Lines{"1", "2", "3", "4", "5"});
}

TEST_CASE("ahead: a runner that breaks keeps nothing") {
  AheadStory story(1, policy(3));
  story.send_all(1, 5);
  story.end_last();
  REQUIRE(story.ahead() == 3);
  story.runner().break_down({"libhello.so", "cannot be loaded", "build it"});
  story.runner().end("2", outcome(Kind::not_started, "not-started", "no library"));
  story.settle_down();
  CHECK(story.ahead() == 0);
  CHECK(story.dispatcher().paused().size() == 2);
  CHECK(story.transport.credit("build") == 0);
}

TEST_CASE("ahead: what a lost connection took along begins once, when it has come again") {
  AheadStory story(1, policy(3));
  story.send_all(1, 5);
  story.end_last();
  REQUIRE(story.ahead() == 3);
  story.transport.lose_connection();
  story.settle_down();
  for (int i = 0; i < 6; ++i) {
    story.pass(20ms);
    story.runner().end(story.runner().started.back(), outcome(Kind::done));
    story.settle_down();
  }
  CHECK(story.runner().started.size() == 5);
  CHECK(story.transport.waiting() == 0);
  CHECK(story.transport.out() == 0);
}

TEST_CASE("ahead: a message that came back often waits nowhere, nor does its queue's next") {
  AheadStory story(1, policy(3));
  story.send_all(1, 2);
  story.end_last();
  Message often = story.message("often");
  often.headers["x-delivery-count"] = std::int64_t{3};
  story.transport.push(often);
  story.settle_down();
  CHECK(story.ahead() == 0);
  CHECK(story.transport.given_back == 1);
  story.transport.send(story.message("other", "", "other"));
  story.settle_down();
  CHECK(story.ahead() == 1);
  story.send("next");
  CHECK(story.ahead() == 1);
  story.pass(10min);
  for (int i = 0; i < 60; ++i) {
    story.send("s" + std::to_string(i));
    story.end_last();
  }
  story.send_all(70, 72);
  CHECK(story.ahead() == 3);
}

TEST_CASE("ahead: one that its queue might drop is put on record as ours, as ever") {
  AheadStory story(1, policy(3));
  story.send_all(1, 2);
  story.end_last();
  Message often = story.message("often");
  often.headers["x-delivery-count"] = std::int64_t{10};
  story.transport.push(often);
  story.settle_down();
  CHECK(story.transport.acknowledged.size() == 1);
  CHECK(story.ahead() == 0);
}

TEST_CASE("ahead: an owned job keeps its turn before what waits here") {
  AheadStory story(1, policy(3));
  story.send_all(1, 4);
  story.end_last();
  Message often = story.message("ours", "", "other");
  often.headers["x-delivery-count"] = std::int64_t{10};
  story.transport.push(often);
  story.settle_down();
  story.end_last();
  CHECK(story.runner().started == Lines{"1", "2", "ours"});
}

TEST_CASE("ahead: who may have nothing here is not starved by those who may") {
  AheadStory story(1, policy(16), policy(0));
  story.send_all(1, 40);
  story.end_last();
  story.pass(5ms);  // the slot was left open for somebody, and nobody came
  REQUIRE(story.ahead() == 16);
  story.transport.send(story.message("build", "", "guests"));
  story.settle_down();
  int jobs = 0;
  for (; jobs < 200 && story.runner().started.back() != "build"; ++jobs) {
    story.end_last(5ms);
    if (story.transport.waiting() < 20) story.send("m" + std::to_string(jobs));
  }
  CHECK(jobs < 100);
  CHECK(story.runner().started.back() == "build");
}

TEST_CASE("ahead: messages with a slot begin at once, and the last ones are not forgotten") {
  AheadStory story(2, policy(16), policy(0));
  for (int i = 1; i <= 50; ++i) {
    story.send("job" + std::to_string(i));
    CHECK(story.runner().started.back() == "job" + std::to_string(i));
    story.end_last();
  }
}

TEST_CASE("ahead: what waits goes back, unread, when its queue is paused") {
  AheadStory story(1, policy(3));
  story.send_all(1, 4);
  story.end_last();
  REQUIRE(story.ahead() == 2);
  const int read = story.read;
  story.dispatcher().pause("build", 7);
  story.settle_down();
  CHECK(story.ahead() == 0);
  CHECK(story.transport.waiting() == 2);
  story.end_last();
  CHECK(story.runner().started == Lines{"1", "2"});
  CHECK(story.read == read);
  story.dispatcher().resume("build");
  story.settle_down();
  CHECK(story.runner().started == Lines{"1", "2", "3"});
}
