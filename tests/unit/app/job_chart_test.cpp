#include "rbit/app/job_chart.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "rbit/app/progress_board.h"
#include "tests/support/manual_clock.h"

using namespace rbit;
using namespace std::chrono_literals;

namespace {

struct Chart {
  test::ManualClock clock;
  JobChart chart{clock};

  void end(std::int64_t micros, std::optional<Status> told = Status::done) {
    Outcome outcome;
    outcome.wall_micros = micros;
    chart.finished(Job(), outcome, told);
  }
  nlohmann::json ended() const { return chart.to_json()["ended"]; }
};

}  // namespace

TEST_CASE("ends by kind and how long it took, in steps of five minutes") {
  Chart house;
  CHECK(house.ended().empty());
  for (const std::int64_t micros : {1'000, 2'000'000, 2'100'000, 2'200'000, 90'000'000})
    house.end(micros);
  house.end(0, Status::failed);
  house.end(5, Status::cancelled);
  house.end(5, Status::blocked);
  house.end(5, std::nullopt);
  REQUIRE(house.ended().size() == 1);
  const auto row = house.ended()[0];
  CHECK(row[0] == test::ManualClock::start_seconds / 300);
  CHECK(row[1] == 5);
  CHECK(row[2] == 1);
  CHECK(row[3] == 1);
  CHECK(row[4].get<double>() == doctest::Approx(2e6).epsilon(0.2));
  CHECK(row[5] == 90'000'000);
}

TEST_CASE("what is older than six hours is gone") {
  Chart house;
  house.end(1);
  house.clock.advance(3h);
  house.end(1);
  CHECK(house.ended().size() == 2);
  house.clock.advance(3h);
  CHECK(house.ended().size() == 1);
  house.clock.advance(24h);
  CHECK(house.ended().empty());
  house.end(1);
  CHECK(house.ended().size() == 1);
}

TEST_CASE("a job's word is kept with when it will be done, until its end") {
  test::ManualClock clock;
  ProgressBoard board(clock);
  Job job;
  job.key = "k";
  Report report;
  report.job_key = "k";
  report.status = Status::building;
  report.time = to_micros(clock.wall());
  board.status(report);
  clock.advance(60s);
  board.progress(job, {4, 10, "pages"});
  REQUIRE(board.of("k") != nullptr);
  CHECK(board.of("k")->due == to_micros(clock.wall()) + 90'000'000);
  board.progress(job, {0, 0, "tidying"});
  CHECK(board.of("k")->due == 0);
  board.finished(job, Outcome(), Status::blocked);
  CHECK(board.of("k") == nullptr);
  CHECK(board.begun("k") == 0);
}
