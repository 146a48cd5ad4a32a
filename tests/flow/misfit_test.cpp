// Messages that are of their runner's kind and do not fit: `on-invalid`.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/flow/story.h"

using namespace rbit;
using namespace rbit::test;
using namespace std::chrono_literals;
using Kind = Settlement::Kind;

namespace {

RunnerPolicy policy(OnInvalid what) {
  RunnerPolicy made;
  made.on_invalid = what;
  made.attempts = 3;
  made.retry_delay = 60s;
  return made;
}

/// JSON, and no build request.
Message misfit(int attempt = 0) {
  Message made;
  made.queue = "build";
  made.message_id = "misfit";
  made.body = R"({"order": "17"})";
  if (attempt > 0) made.headers[attempt_header] = std::int64_t{attempt};
  return made;
}

void send(Story& story, const Message& message) {
  story.transport.send(message);
  story.settle_down();
}

}  // namespace

TEST_CASE("dead: a dead letter that says what exactly is wrong") {
  Story story(1, policy(OnInvalid::dead));
  send(story, misfit());
  REQUIRE(story.transport.settled.size() == 1);
  const Settlement& settled = story.transport.settled[0].settlement;
  CHECK(settled.kind == Kind::dead_letter);
  CHECK(settled.reason.starts_with("invalid: "));
  CHECK_FALSE(settled.detail.empty());
  CHECK(story.refused.size() == 1);
  CHECK(story.told.empty());
}

TEST_CASE("drop: it is accepted, and counted as refused") {
  Story story(1, policy(OnInvalid::drop));
  send(story, misfit());
  REQUIRE(story.transport.settled.size() == 1);
  CHECK(story.transport.settled[0].settlement.kind == Kind::accept);
  CHECK(story.refused.size() == 1);
  story.send("next");
  CHECK(story.runner().started == std::vector<std::string>{"next"});
}

TEST_CASE("retry: after a pause that doubles, then a dead letter") {
  Story story(1, policy(OnInvalid::retry));
  for (const int attempt : {0, 2, 3}) send(story, misfit(attempt));
  REQUIRE(story.transport.settled.size() == 3);
  const auto settled = [&](std::size_t at) { return story.transport.settled[at].settlement; };
  CHECK(settled(0).kind == Kind::retry);
  CHECK(settled(0).delay == 60s);
  CHECK(settled(0).next_attempt == 2);
  CHECK(settled(1).kind == Kind::retry);
  CHECK(settled(1).delay == 120s);
  CHECK(settled(1).next_attempt == 3);
  CHECK(settled(2).kind == Kind::dead_letter);
  CHECK(settled(2).next_attempt == 3);
  CHECK(story.refused.size() == 1);  // at its end alone
}

TEST_CASE("a forged attempt does not spare it any") {
  Story story(1, policy(OnInvalid::retry));
  send(story, misfit(1'000'000));
  REQUIRE(story.transport.settled.size() == 1);
  CHECK(story.transport.settled[0].settlement.kind == Kind::dead_letter);
}

TEST_CASE("what is not even of its kind is a dead letter in any case") {
  for (const OnInvalid what : {OnInvalid::drop, OnInvalid::retry}) {
    Story story(1, policy(what));
    Message message = misfit();
    message.body = "{";
    send(story, message);
    REQUIRE(story.transport.settled.size() == 1);
    CHECK(story.transport.settled[0].settlement.kind == Kind::dead_letter);
  }
}

TEST_CASE("a copy that the broker refuses is kept here as a dead letter") {
  for (const OnInvalid what : {OnInvalid::dead, OnInvalid::retry}) {
    Story story(1, policy(what));
    story.transport.refuse_copies(true);
    send(story, misfit());
    CHECK(story.transport.settled.empty());
    CHECK(story.transport.acknowledged.size() == 1);  // the journal has it
    const auto record = story.journal().find("misfit");
    REQUIRE(record.has_value());
    CHECK(record->state == JobRecord::State::dead);
    CHECK(record->reason.starts_with("invalid: "));
    story.transport.refuse_copies(false);
    for (int minutes = 0; minutes < 30; ++minutes) story.pass(60s);
    REQUIRE(story.transport.settled.size() == 1);
    CHECK(story.transport.settled[0].settlement.kind == Kind::dead_letter);
  }
}

TEST_CASE("whatever comes of it, a message whose connection is lost comes again") {
  for (const OnInvalid what : {OnInvalid::dead, OnInvalid::drop, OnInvalid::retry}) {
    Story story(1, policy(what));
    story.transport.refuse_settlements(1);
    send(story, misfit());
    CHECK(story.transport.settled.empty());
    story.pass(10s);
    CHECK(story.transport.settled.size() == 1);
  }
}
