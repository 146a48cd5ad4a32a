#include <string>

#include "tests/unit/journal/journal_fixture.h"
#include "tests/unit/journal/power_vfs.h"

using namespace rbit;
using namespace rbit::test;

namespace {

/// What a job costs the disk, in bytes, `together` of them at a time: log and file, all that is
/// done for many at a time included.
std::int64_t bytes_a_job(int jobs, int together) {
  const TempDir dir;
  PowerDisk disk(1);
  JournalFixture house(dir / "rbit.db");
  house.targets.clear();  // the log alone hears of them
  house.die_and_live();
  REQUIRE(run(house.loop, house.journal->probe()));
  const std::int64_t before = disk.written();
  const auto one = [&](int number) -> Task<void> {
    Job job = house.job("1a2b3c4d-0000-4000-8000-" + std::to_string(100'000'000'000 + number));
    job.request = {};
    job.head.message_id = job.key;
    job.digest = std::string(64, 'd');
    Message message;
    message.body = job.body;
    Report building = house.status(job, Status::building);
    Report done = house.status(job, Status::done);
    const std::string record = "/var/lib/rbit/records/slot-1";
    Outcome outcome;
    outcome.kind = Outcome::Kind::done;
    outcome.reason = outcome.exit = "exit 0";
    outcome.wall_micros = 1'500;
    outcome.cpu_micros = 700;
    outcome.peak_memory_kib = 1'800;
    const Settlement accept;
    CHECK(co_await house.journal->begin(job, message, record, building));
    CHECK(co_await house.journal->finish(job, outcome, accept, done));
    CHECK(co_await house.journal->settled(job.key));
  };
  for (int i = 0; i < jobs; i += together) {
    for (int j = i; j < i + together; ++j) spawn(house.loop.get_executor(), one(j), "test");
    house.loop.restart();
    while (
        house.journal
            ->find("1a2b3c4d-0000-4000-8000-" + std::to_string(100'000'000'000 + i + together - 1))
            .value_or(JobRecord{})
            .state != JobRecord::State::done)
      house.loop.run_one();
    house.loop.poll();
  }
  house.journal.reset();
  house.database.reset();
  return (disk.written() - before) / jobs;
}

}  // namespace

TEST_CASE("a job costs the journal a page or two") {
  const std::int64_t alone = bytes_a_job(6'000, 1);
  const std::int64_t eight = bytes_a_job(6'000, 8);
  MESSAGE("bytes a job: " << alone << " alone, " << eight << " of eight");
  CHECK(alone < 12'000);
  CHECK(eight < 6'000);
}
