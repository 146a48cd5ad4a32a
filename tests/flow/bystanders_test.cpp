// What happens to a message must not depend on those that were there at the same time.

#include <doctest/doctest.h>

#include <vector>

#include "tests/flow/story.h"

using namespace rbit;
using namespace rbit::test;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;

TEST_CASE("bystanders of a message that rbit dies of are not counted with it") {
  Story story(3);
  story.dies_reading("killer");
  std::vector<int> marked;  // messages on record as being read, at each death
  story.while_reading = [&] {
    if (!story.transport.settled.empty()) return;
    marked.push_back(story.reading());
    story.fail_counts(true);  // what is dead counts nothing
  };
  // All three were delivered before: a lost connection, an orderly stop.
  for (const char* name : {"killer", "good", "fine"}) {
    Message message = story.message(name);
    message.redelivered = true;
    story.transport.send(message);
  }
  story.settle_down();
  for (int life = 0; life < 4; ++life) {
    if (story.transport.settled.empty()) story.fail_counts(false);
    story.crash_and_restart(3);
  }
  CHECK(marked == std::vector<int>{1, 2, 3});
  CHECK(story.refused.size() == 1);
}

TEST_CASE("a dead letter that waits here outlives a front-end's Failed") {
  Story story(1);
  story.runner().script("bad", outcome(Kind::failed, "exit 2"));
  story.transport.refuse_copies(true);
  const Message message = story.message("bad");
  story.transport.send(message);
  story.settle_down();
  CHECK(story.journal().owned_jobs().size() == 1);
  // The same again, and the front-end says what it was told.
  story.front_end["bad"] = Standing{Standing::Kind::failed, false, "Failed"};
  story.transport.send(message);
  story.settle_down();
  CHECK(story.journal().owned_jobs().size() == 1);
  story.transport.refuse_copies(false);
  for (int minutes = 0; minutes < 3; ++minutes) story.pass(60s);
  int dead = 0;
  for (const auto& one : story.transport.settled)
    dead += one.settlement.kind == Settlement::Kind::dead_letter ? 1 : 0;
  CHECK(dead == 1);
}
