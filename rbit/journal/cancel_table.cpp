#include "rbit/journal/cancel_table.h"

namespace rbit {

Result<void> CancelTable::record(const std::string& job_id, std::int64_t now, std::int64_t most,
                                 bool& recorded) {
  recorded = false;
  if (job_id.empty()) return {};
  {
    auto jobs = database_.prepare(
        "SELECT count(*) = 0 OR total(state IN ('waiting', 'running', 'blocked', 'moved')) > 0 "
        "FROM job WHERE job_id = ?",
        job_id);
    const auto found = jobs.step();
    if (!found) return found.error();
    recorded = jobs.integer(0) != 0;
  }
  if (!recorded) return {};
  const auto written =
      database_.run("INSERT OR REPLACE INTO tombstone(job_id, time) VALUES(?, ?)", job_id, now);
  if (!written) return written;
  // Whoever may publish may send any number of them: the youngest count.
  return database_.run(
      "DELETE FROM tombstone WHERE job_id IN (SELECT job_id FROM tombstone ORDER BY time DESC "
      "LIMIT 100 OFFSET ?)",
      most);
}

Result<void> CancelTable::forget(const std::string& job_id) {
  return database_.run("DELETE FROM tombstone WHERE job_id = ?", job_id);
}

bool CancelTable::has(const std::string& job_id, std::int64_t since) const {
  if (job_id.empty()) return false;
  auto row =
      database_.prepare("SELECT 1 FROM tombstone WHERE job_id = ? AND time > ?", job_id, since);
  const auto found = row.step();
  return found && *found;
}

}  // namespace rbit
