#include "rbit/app/queue_rates.h"

#include <doctest/doctest.h>

#include "tests/support/manual_clock.h"

using namespace rbit;
using namespace std::chrono_literals;

namespace {

struct Rates {
  test::ManualClock clock;
  QueueRates rates{clock};

  void end(const std::string& queue, std::optional<Status> told = Status::done) {
    Job job;
    job.queue = queue;
    rates.finished(job, Outcome{}, told);
  }
};

}  // namespace

TEST_CASE("jobs a minute over the last five, of each queue") {
  Rates house;
  CHECK(house.rates.per_minute("a") == 0);
  for (int i = 0; i < 30; ++i) {
    house.end("a");
    house.clock.advance(10s);
  }
  house.end("b");
  CHECK(house.rates.per_minute("a") == doctest::Approx(29 / 5.0).epsilon(0.05));
  CHECK(house.rates.per_minute("b") == doctest::Approx(0.2));
  house.clock.advance(4min);
  CHECK(house.rates.per_minute("a") == doctest::Approx(1).epsilon(0.2));
  house.clock.advance(1min);
  CHECK(house.rates.per_minute("a") == 0);
  CHECK(house.rates.per_minute("b") == 0);
}

TEST_CASE("in the first minutes they are those since the start") {
  Rates house;
  house.clock.advance(1min);
  for (int i = 0; i < 6; ++i) house.end("a");
  house.clock.advance(1min);
  CHECK(house.rates.per_minute("a") == doctest::Approx(3));
}

TEST_CASE("only an end counts: no retry, and no interruption") {
  Rates house;
  house.clock.advance(1min);
  house.end("a", Status::blocked);
  house.end("a", std::nullopt);
  house.end("a", Status::building);
  CHECK(house.rates.per_minute("a") == 0);
  for (const Status status : {Status::done, Status::failed, Status::cancelled})
    house.end("a", status);
  CHECK(house.rates.per_minute("a") == doctest::Approx(3));
}
