#include "rbit/app/progress_board.h"

#include <doctest/doctest.h>

#include "tests/support/manual_clock.h"

using namespace rbit;

TEST_CASE("the estimate counts the time that an attempt took before we followed it") {
  test::ManualClock clock;
  ProgressBoard board(clock);
  const std::int64_t now = to_micros(clock.wall());
  Job job;
  job.key = "k";
  job.timestamp = now / 1'000'000 - 60;  // an earlier rbit began it, nobody told us a status
  Progress progress;
  progress.done = 3;
  progress.total = 9;
  board.progress(job, progress);
  CHECK((board.of("k")->due - now) / 1'000'000 >= 119);
  CHECK((board.of("k")->due - now) / 1'000'000 <= 122);
}
