#include "rbit/journal/pruning.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace rbit {

Result<void> Pruning::step() {
  constexpr std::int64_t step = 200;
  const auto count = index_.count();
  if (!count) return count.error();
  const std::int64_t over = *count - limits_.jobs;
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
      "state IN ('waiting', 'running', 'blocked') AND id IN (SELECT job FROM job_open UNION ALL "
      "SELECT id FROM job WHERE id > (SELECT mark FROM job_mark)) AND NOT (attempt_begun > 0 AND "
      "attempt_ended = 0 AND "
      "life IN (SELECT id FROM life WHERE name = ?))",
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
  struct Row {
    std::int64_t id = 0;
    std::string key, job_id;
  };
  std::vector<Row> old;
  {
    const std::string which = settled_only ? "claim = 'settled' AND state IN ('done', 'failed', "
                                             "'cancelled', 'dead')"
                                           : "state <> 'running' AND claim <> 'owned'";
    // The oldest have the lowest numbers: behind the first few thousand nobody need look.
    auto row = database_.prepare(
        "SELECT id, key, job_id FROM job WHERE touched < ? AND " + which +
            " AND id <= coalesce((SELECT id FROM job ORDER BY id LIMIT 1 OFFSET 5000), "
            "9223372036854775807) AND NOT EXISTS (SELECT 1 FROM outbox WHERE job = job.id "
            "AND state = 'waiting') ORDER BY id LIMIT ?",
        touched_before, limit);
    auto found = row.step();
    for (; found && *found; found = row.step()) {
      Row& one = old.emplace_back();
      row.read(0, one.id, one.key, one.job_id);
    }
    if (!found) return found.error();
  }
  for (const auto& [id, key, job_id] : old) {
    if (const auto gone = index_.removed(id, key, job_id); !gone) return gone.error();
    for (const char* sql : {"DELETE FROM outbox WHERE job = ?", "DELETE FROM attempt WHERE job = ?",
                            "DELETE FROM delivery WHERE job = ?",
                            "DELETE FROM payload WHERE job = ?", "DELETE FROM job WHERE id = ?"})
      if (const auto gone = database_.run(sql, id); !gone) return gone.error();
  }
  return static_cast<int>(old.size());
}

}  // namespace rbit
