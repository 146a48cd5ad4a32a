#include "rbit/dispatch/retry_policy.h"

#include <doctest/doctest.h>

using namespace rbit;
using namespace std::chrono_literals;

namespace {

RunnerPolicy policy(int attempts) {
  RunnerPolicy made;
  made.attempts = attempts;
  made.retry_delay = 1min;
  made.retry_ceiling = 5min;
  return made;
}

Settlement decide(int attempts, Outcome::Kind kind, int attempt, int crashes = 0) {
  Outcome outcome;
  outcome.kind = kind;
  outcome.reason = "why";
  Job job;
  job.attempt = attempt;
  job.crashes = crashes;
  return RetryPolicy(policy(attempts)).decide(outcome, job);
}

using Kind = Outcome::Kind;

}  // namespace

TEST_CASE("final outcomes") {
  CHECK(decide(5, Kind::done, 1).kind == Settlement::Kind::accept);
  CHECK(decide(5, Kind::cancelled, 1).kind == Settlement::Kind::accept);
  CHECK(decide(5, Kind::failed, 1).kind == Settlement::Kind::dead_letter);
  CHECK(decide(5, Kind::failed, 1).reason == "why");
  CHECK(decide(5, Kind::interrupted, 1).kind == Settlement::Kind::requeue);
}

TEST_CASE("a blocked job comes back after a growing delay, a bounded number of times") {
  CHECK(decide(5, Kind::blocked, 1).delay == 1min);
  CHECK(decide(5, Kind::blocked, 2).delay == 2min);
  CHECK(decide(5, Kind::blocked, 3).delay == 4min);
  CHECK(decide(5, Kind::blocked, 4).delay == 5min);
  CHECK(decide(5, Kind::blocked, 4).next_attempt == 5);
  CHECK(decide(5, Kind::blocked, 5).kind == Settlement::Kind::dead_letter);
  CHECK(decide(1000, Kind::blocked, 900).delay == 5min);
}

TEST_CASE("a crash has its own, lower limit, and the deaths of rbit do not count as attempts") {
  for (const Kind kind : {Kind::crashed, Kind::timed_out, Kind::not_started}) {
    CHECK(decide(5, kind, 1).kind == Settlement::Kind::retry);
    CHECK(decide(5, kind, 2).kind == Settlement::Kind::dead_letter);
    CHECK(decide(1, kind, 1).kind == Settlement::Kind::dead_letter);
    CHECK(decide(5, kind, 2, 1).kind == Settlement::Kind::retry);
  }
}

TEST_CASE("the status that tells of it") {
  Outcome outcome;
  outcome.kind = Kind::blocked;
  CHECK(status_of(outcome, Settlement::retry(1s, 2, "")) == Status::blocked);
  CHECK(status_of(outcome, Settlement::dead_letter("")) == Status::failed);
  outcome.kind = Kind::done;
  CHECK(status_of(outcome, Settlement::accept()) == Status::done);
  outcome.kind = Kind::cancelled;
  CHECK(status_of(outcome, Settlement::accept()) == Status::cancelled);
}
