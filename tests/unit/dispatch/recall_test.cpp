#include "rbit/dispatch/recall.h"

#include <doctest/doctest.h>

using namespace rbit;
using State = JobRecord::State;

namespace {

Message message(std::optional<int> asked = std::nullopt) {
  Message made;
  if (asked) made.headers[attempt_header] = static_cast<std::int64_t>(*asked);
  return made;
}

JobRecord record(State state, int attempt, int crashes = 0) {
  JobRecord made;
  made.state = state;
  made.attempt = attempt;
  made.crashes = crashes;
  made.settlement = Settlement::dead_letter("exit 2");
  return made;
}

}  // namespace

TEST_CASE("a job nobody knows runs, as the attempt its message asks for") {
  CHECK(recall(message(), std::nullopt, false, 5).attempt == 1);
  CHECK(recall(message(3), std::nullopt, true, 5).attempt == 3);
  CHECK_FALSE(recall(message(), std::nullopt, true, 5).answer.has_value());
}

TEST_CASE("a finished one: the old message is answered again, a new one runs") {
  for (const State state : {State::done, State::failed, State::cancelled, State::dead}) {
    const auto again = recall(message(), record(state, 1), true, 5);
    REQUIRE(again.answer.has_value());
    CHECK(again.answer->kind == Settlement::Kind::dead_letter);
    CHECK_FALSE(recall(message(), record(state, 1), false, 5).answer.has_value());
    CHECK(recall(message(), record(state, 4), false, 5).attempt == 1);
    CHECK(recall(message(2), record(state, 2), false, 5).answer.has_value());
    CHECK(recall(message(3), record(state, 2), true, 5).attempt == 3);
  }
}

TEST_CASE("a finished one whose copy is made is only acknowledged: no second dead letter") {
  for (const State state : {State::blocked, State::done, State::failed, State::dead}) {
    JobRecord known = record(state, 1);
    known.settled = true;
    const auto again = recall(message(), known, true, 5);
    REQUIRE(again.answer.has_value());
    CHECK(again.answer->kind == Settlement::Kind::accept);
  }
}

TEST_CASE("one that was brought back from the dead since its verdict runs, redelivered or not") {
  JobRecord dead = record(State::failed, 2, 1);
  dead.ended = 2'000'000;
  Message replay = message();
  for (const bool redelivered : {false, true}) {
    replay.headers[replayed_header] = std::int64_t{2'000'001};
    const auto fresh = recall(replay, dead, redelivered, 5);
    CHECK_FALSE(fresh.answer.has_value());
    CHECK(fresh.attempt == 1);
    CHECK(fresh.crashes == 0);
  }
  // The verdict came after it: it is the answer.
  replay.headers[replayed_header] = std::int64_t{1'999'999};
  CHECK(recall(replay, dead, true, 5).answer.has_value());
  // A stamp that is no number says nothing.
  replay.headers[replayed_header] = std::string("2000001");
  CHECK(recall(replay, dead, true, 5).answer.has_value());
  // Our own copies carry the stamp on, and say themselves which attempt they are.
  Message copy = message(2);
  copy.headers[replayed_header] = std::int64_t{2'000'001};
  CHECK(recall(copy, dead, true, 5).answer.has_value());
}

TEST_CASE("a blocked one waits for its own copy") {
  CHECK(recall(message(), record(State::blocked, 1), true, 5).answer.has_value());
  CHECK(recall(message(2), record(State::blocked, 1), true, 5).attempt == 2);
}

TEST_CASE("a blocked one that is asked for again is the same job, and its tries count on") {
  const auto again = recall(message(), record(State::blocked, 2, 1), false, 5);
  CHECK_FALSE(again.answer.has_value());
  CHECK(again.attempt == 3);
  CHECK(again.crashes == 1);
}

TEST_CASE("another rbit's copy may be ahead, but not beyond the last attempt there is") {
  for (const State state : {State::blocked, State::done, State::failed, State::cancelled}) {
    CHECK(recall(message(4), record(state, 1), false, 5).attempt == 4);
    CHECK(recall(message(1'000'000), record(state, 1), false, 5).attempt == 5);
    CHECK(recall(message(7), record(state, 6), false, 5).attempt == 7);  // `attempts` was lowered
    CHECK(recall(message(9), record(state, 6), false, 5).attempt == 7);
  }
  CHECK(recall(message(4), record(State::running, 1), true, 5).attempt == 4);
  CHECK(recall(message(900), record(State::running, 1), true, 5).attempt == 5);
  CHECK(recall(message(900), record(State::waiting, 2), true, 5).attempt == 5);
  CHECK(recall(message(900), std::nullopt, false, 5).attempt == 5);
}

TEST_CASE("a header that is no sane number asks for no attempt") {
  for (const HeaderValue& value :
       {HeaderValue(std::int64_t{0}), HeaderValue(std::int64_t{-3}), HeaderValue(2.0),
        HeaderValue(true), HeaderValue(std::string("2")), HeaderValue(std::int64_t{1} << 40)}) {
    Message made;
    made.headers[attempt_header] = value;
    CHECK(recall(made, std::nullopt, false, 5).attempt == 1);
    CHECK(recall(made, record(State::done, 3), true, 5).answer.has_value());
  }
}

TEST_CASE("one that rbit died on runs as the next attempt, and the death is counted") {
  const auto crashed = recall(message(), record(State::running, 1, 1), true, 5);
  CHECK_FALSE(crashed.answer.has_value());
  CHECK(crashed.attempt == 2);
  CHECK(crashed.crashes == 2);
}

TEST_CASE("one that was interrupted runs as the same attempt") {
  const auto again = recall(message(), record(State::waiting, 2, 1), true, 5);
  CHECK_FALSE(again.answer.has_value());
  CHECK(again.attempt == 2);
  CHECK(again.crashes == 1);
}
