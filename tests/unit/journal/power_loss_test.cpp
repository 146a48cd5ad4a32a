#include <cstdlib>
#include <map>
#include <set>
#include <string>

#include "tests/unit/journal/journal_fixture.h"
#include "tests/unit/journal/power_vfs.h"

using namespace rbit;
using namespace rbit::test;

namespace {

/// What the journal has answered for, so that somebody has built on it.
struct Promises {
  std::set<std::string> done;                // acknowledged: the broker has forgotten them
  std::set<std::string> buried;              // cancels that nobody sends again
  std::set<std::string> begun;               // survived one sync of somebody
  std::map<std::string, std::string> owned;  // bodies of what was acknowledged before its end
};

/// Jobs, one after the other and some at a time, until the power goes.
void live_until_dark(JournalFixture& life, PowerDisk& disk, std::mt19937_64& random,
                     const std::string& generation, Promises& promised) {
  std::vector<Job> open;
  std::set<std::string> unsynced;
  for (int i = 0; i < 40 && !disk.is_dark(); ++i) {
    const std::string key = generation + "-" + std::to_string(i);
    const auto what = random() % 10;
    bool synced = false;
    if (what < 4 || open.empty()) {
      Job job = life.job(key);
      job.body = std::string(random() % 9000, 'x');  // some over more than one page
      if (!life.begin(job)) continue;
      unsynced.insert(key);
      open.push_back(std::move(job));
    } else if (what < 6) {
      const Job job = open.back();
      open.pop_back();
      synced = life.done(job);
      if (synced) promised.done.insert(job.key);
    } else if (what == 6) {
      synced = run(life.loop, life.journal->record_cancel(key)).has_value();
      if (synced) promised.buried.insert(key);
    } else if (what == 7) {
      Job& job = open[random() % open.size()];
      synced = run(life.loop, life.journal->own(job)).has_value();
      job.owned = job.owned || synced;
      if (synced) promised.owned[job.key] = job.body;
    } else if (what == 8) {
      Message message;
      message.queue = "q";
      message.body = std::string(1 + random() % 9000, 'd');
      message.message_id = key;
      const Settlement dead = Settlement::dead_letter("no job");
      synced = run(life.loop, life.journal->keep_dead(message, dead)).has_value();
      if (synced) promised.owned[key] = message.body;
    } else {
      (void)life.settled(open.front().key);
    }
    // One log: what was committed before it is as safe as what was synced.
    if (synced) promised.begun.merge(unsynced);
  }
}

void check(JournalFixture& life, const Promises& promised) {
  for (const std::string& key : promised.done) {
    const auto row = life.journal->find(key);
    REQUIRE_MESSAGE(row, key);
    CHECK_MESSAGE(row->state == JobRecord::State::done, key);
    CHECK_MESSAGE(row->settlement.kind == Settlement::Kind::accept, key);
  }
  for (const auto& [key, body] : promised.owned) {
    const auto owned = life.journal->owned_job(key).value();
    REQUIRE_MESSAGE(owned, key);
    CHECK_MESSAGE(owned->message.body == body, key);
  }
  for (const std::string& key : promised.begun) CHECK_MESSAGE(life.journal->find(key), key);
  for (const std::string& id : promised.buried) CHECK_MESSAGE(life.journal->has_cancel(id), id);
  for (const OpenAttempt& open : life.journal->open_attempts().value())
    CHECK_MESSAGE(!promised.done.contains(open.job.key), open.job.key);
}

int states() {
  const char* wanted = std::getenv("RBIT_POWER_LOSSES");
  return wanted != nullptr ? std::atoi(wanted) : 300;
}

}  // namespace

TEST_CASE("what was answered outlives a power cut at any write, torn or not") {
  // One file after another; on each the power goes up to five times, at random, also while the life
  // after it brings the file in order.
  const TempDir dir;
  int seen = 0;
  for (std::uint64_t seed = 1; seen < states(); ++seed) {
    CAPTURE(seed);
    PowerDisk disk(seed);
    std::mt19937_64 random(seed);
    Promises promised;
    {
      JournalFixture life(dir / "rbit.db");  // the tables are made in peace
      (void)run(life.loop, life.journal->probe());
    }
    for (int cut = 0; cut < 5; ++cut, ++seen) {
      CAPTURE(cut);
      disk.cut_after(1 + static_cast<int>(random() % 250));
      {
        JournalFixture life(dir / "rbit.db", {}, JournalFixture::Start::may_fail);
        if (life.journal) live_until_dark(life, disk, random, std::to_string(cut), promised);
      }
      disk.power_on();
      JournalFixture after(dir / "rbit.db");
      REQUIRE(after.database->check(std::chrono::seconds(5)));
      check(after, promised);
    }
  }
  MESSAGE(seen << " power cuts");
}

TEST_CASE("a disk that lies about syncs loses what was answered: the test above can fail") {
  const TempDir dir;
  int lost = 0;
  for (std::uint64_t seed = 1; seed <= 20 && lost == 0; ++seed) {
    PowerDisk disk(seed);
    std::mt19937_64 random(seed);
    Promises promised;
    {
      JournalFixture life(dir / "rbit.db");
      (void)run(life.loop, life.journal->probe());
      disk.lie();
      live_until_dark(life, disk, random, "lie", promised);
      disk.cut_after(1);
    }
    disk.power_on();
    JournalFixture after(dir / "rbit.db", {}, JournalFixture::Start::may_fail);
    if (!after.journal) {
      ++lost;
      continue;
    }
    for (const std::string& key : promised.done)
      if (const auto row = after.journal->find(key); !row || row->state != JobRecord::State::done)
        ++lost;
  }
  CHECK(lost > 0);
}
