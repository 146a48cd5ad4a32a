#include "rbit/journal/pruning.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace rbit {

Result<void> Pruning::step() {
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
  return forget_old();
}

/// What goes by age alone and is never much.
Result<void> Pruning::forget_old() {
  const auto before = [this](std::chrono::hours age) { return to_micros(clock_.wall() - age); };
  const auto moved = database_.run(
      "UPDATE job SET state = 'moved' WHERE touched < ? AND claim = 'held' AND "
      "state IN ('waiting', 'running', 'blocked') AND NOT EXISTS "
      "(SELECT 1 FROM attempt WHERE job = job.id AND ended = 0 AND life = ?)",
      before(limits_.moved), life_);
  if (!moved) return moved;
  const auto brokers = database_.run("DELETE FROM broker WHERE time < ?", before(limits_.brokers));
  if (!brokers) return brokers;
  const auto cancels =
      database_.run("DELETE FROM tombstone WHERE time < ?", before(limits_.cancels));
  if (!cancels) return cancels;
  return reports_.drop_before(before(limits_.reports));
}

Result<int> Pruning::remove_jobs(std::int64_t touched_before, std::int64_t limit,
                                 bool settled_only) {
  std::vector<std::int64_t> old;
  {
    const std::string which = settled_only ? "claim = 'settled' AND state IN ('done', 'failed', "
                                             "'cancelled', 'dead')"
                                           : "state <> 'running' AND claim <> 'owned'";
    auto row = database_.prepare("SELECT id FROM job WHERE touched < ? AND " + which +
                                     " AND NOT EXISTS (SELECT 1 FROM outbox WHERE job = job.id "
                                     "AND state = 'waiting') ORDER BY touched LIMIT ?",
                                 touched_before, limit);
    auto found = row.step();
    for (; found && *found; found = row.step()) old.push_back(row.integer(0));
    if (!found) return found.error();
  }
  for (const auto id : old)
    for (const char* sql : {"DELETE FROM outbox WHERE job = ?", "DELETE FROM attempt WHERE job = ?",
                            "DELETE FROM delivery WHERE job = ?",
                            "DELETE FROM payload WHERE job = ?", "DELETE FROM job WHERE id = ?"})
      if (const auto gone = database_.run(sql, id); !gone) return gone.error();
  return static_cast<int>(old.size());
}

}  // namespace rbit
