// What rbit wants to give the broker and the broker does not take.

#include <doctest/doctest.h>

#include "tests/flow/story.h"

using namespace rbit;
using namespace rbit::test;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;

TEST_CASE("an owned job that cannot go back to its queue waits here for its runner") {
  Story story(1);
  story.transport.refuse_requeues(true);
  story.runner().script("later", outcome(Kind::blocked, "exit 75"));
  story.transport.refuse_copies(true);
  story.send("later");
  // Its time comes, and the runner is broken.
  story.runner().script("later", outcome(Kind::not_started, "not-started", "no library"));
  story.runner().break_down({"libhello.so", "cannot be loaded", "build it"});
  story.pass(61s);
  story.runner().break_down({});
  story.runner().script("later", outcome(Kind::done));
  for (int minutes = 0; minutes < 5; ++minutes) story.pass(60s);
  CHECK(story.told.back() == "Done");
}

TEST_CASE("an owned job that cannot go back to its queue waits here for room on the disk") {
  Story story(1);
  story.transport.refuse_requeues(true);
  story.runner().script("later", outcome(Kind::blocked, "exit 75"));
  story.transport.refuse_copies(true);
  story.send("later");
  story.runner().script("later", outcome(Kind::not_started, "not-started", "no room"));
  story.disk = Error{"work", "no space", ""};
  story.pass(61s);
  story.disk = {};
  story.runner().script("later", outcome(Kind::done));
  for (int minutes = 0; minutes < 5; ++minutes) story.pass(60s);
  CHECK(story.told.back() == "Done");
}

TEST_CASE("two messages of a job, one copy refused and one taken: the one that was taken runs") {
  Story story(2);
  Message one = story.message("later");
  story.transport.send(one);
  story.settle_down();
  story.transport.send(one);  // the same again while it runs: joins
  story.settle_down();
  story.transport.refuse_retries(1);
  story.runner().end("later", outcome(Kind::blocked, "exit 75"));
  story.settle_down();
  story.runner().forget("later");
  story.runner().script("later", outcome(Kind::done));
  // The copy comes out of its delay queue a moment before our own clock rings.
  story.pass(59s);
  Message copy = one;
  copy.headers[attempt_header] = std::int64_t{2};
  story.transport.send(copy);
  story.settle_down();
  for (int minutes = 0; minutes < 5; ++minutes) story.pass(60s);
  CHECK(story.told.back() == "Done");
}
