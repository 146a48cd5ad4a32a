#include "rbit/journal/pruning.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace rbit {

Result<void> Pruning::step(std::int64_t& waiting) {
  constexpr std::int64_t step = 200;
  std::int64_t over = -limits_.jobs;
  {
    auto count = database_.prepare("SELECT count(*) FROM job");  // of an index: 1 ms for 100,000
    const auto counted = count.step();
    if (!counted) return counted.error();
    over += count.integer(0);
  }
  if (over > 0) {
    const auto removed =
        remove_jobs(std::numeric_limits<std::int64_t>::max(), std::min(over, step), true);
    if (!removed) return removed.error();
  }
  if (clock_.steady() < next_sweep_) return {};
  const WallTime old = clock_.wall() - limits_.keep;
  const auto removed = remove_jobs(to_micros(old), step, false);
  if (!removed) return removed.error();
  if (*removed == step) return {};  // there may be more: go on at the next step
  next_sweep_ = clock_.steady() + std::chrono::hours(1);
  return forget_old(waiting);
}

/// What goes by age alone and is never much.
Result<void> Pruning::forget_old(std::int64_t& waiting) {
  const WallTime time = clock_.wall();
  auto moved = database_.prepare(
      "UPDATE job SET state = 'moved' WHERE touched < ? AND claim = 'held' AND settled = 0 AND "
      "state IN ('waiting', 'running', 'blocked') AND NOT EXISTS "
      "(SELECT 1 FROM attempt WHERE job = job.id AND ended = 0 AND life = ?)");
  if (const auto done = moved.bind(to_micros(time - limits_.moved)).bind(life_).run(); !done)
    return done;
  if (const auto done = brokers_.forget_before(to_micros(time - limits_.brokers)); !done)
    return done;
  auto cancels = database_.prepare("DELETE FROM tombstone WHERE time < ?");
  if (const auto done = cancels.bind(to_micros(time - limits_.cancels)).run(); !done) return done;
  return reports_.drop_before(to_micros(time - limits_.reports), waiting);
}

Result<int> Pruning::remove_jobs(std::int64_t touched_before, std::int64_t limit,
                                 bool settled_only) {
  std::vector<std::int64_t> old;
  {
    auto row = database_.prepare(
        settled_only ? "SELECT id FROM job WHERE touched < ? AND settled = 1 AND "
                       "state IN ('done', 'failed', 'cancelled', 'dead') AND NOT EXISTS "
                       "(SELECT 1 FROM outbox WHERE job = job.id AND state = 'waiting') "
                       "ORDER BY touched LIMIT ?"
                     : "SELECT id FROM job WHERE touched < ? AND state <> 'running' AND claim <> "
                       "'owned' AND NOT EXISTS "
                       "(SELECT 1 FROM outbox WHERE job = job.id AND state = 'waiting') "
                       "ORDER BY touched LIMIT ?");
    row.bind(touched_before).bind(limit);
    for (;;) {
      const auto found = row.step();
      if (!found) return found.error();
      if (!*found) break;
      old.push_back(row.integer(0));
    }
  }
  for (const auto id : old) {
    for (const char* sql : {"DELETE FROM outbox WHERE job = ?", "DELETE FROM attempt WHERE job = ?",
                            "DELETE FROM delivery WHERE job = ?",
                            "DELETE FROM payload WHERE job = ?", "DELETE FROM job WHERE id = ?"}) {
      auto statement = database_.prepare(sql);
      if (const auto gone = statement.bind(id).run(); !gone) return gone.error();
    }
  }
  return static_cast<int>(old.size());
}

}  // namespace rbit
