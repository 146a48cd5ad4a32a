#include "rbit/journal/cancel_table.h"

namespace rbit {

Result<void> CancelTable::record(const std::string& job_id, std::int64_t now, std::int64_t most,
                                 bool& recorded) {
  recorded = false;
  if (job_id.empty()) return {};
  const auto rows = index_.with_job_id(job_id);
  if (!rows) return rows.error();
  bool all_over = false;  // and there are some
  for (const std::int64_t id : *rows) {
    auto job = database_.prepare(
        "SELECT state IN ('waiting', 'running', 'blocked', 'moved') FROM job WHERE id = ? AND "
        "job_id = ?",
        id, job_id);
    const auto found = job.step();
    if (!found) return found.error();
    if (!*found) continue;
    all_over = job.integer(0) == 0;
    if (!all_over) break;
  }
  recorded = !all_over;
  if (!recorded) return {};
  is_empty_.reset();
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
  if (is_empty()) return {};
  is_empty_.reset();
  return database_.run("DELETE FROM tombstone WHERE job_id = ?", job_id);
}

bool CancelTable::has(const std::string& job_id, std::int64_t since) const {
  if (job_id.empty() || is_empty()) return false;
  auto row =
      database_.prepare("SELECT 1 FROM tombstone WHERE job_id = ? AND time > ?", job_id, since);
  const auto found = row.step();
  return found && *found;
}

bool CancelTable::is_empty() const {
  if (is_empty_) return *is_empty_;
  auto row = database_.prepare("SELECT 1 FROM tombstone LIMIT 1");
  const auto found = row.step();
  if (found) is_empty_ = !*found;
  return found && !*found;
}

}  // namespace rbit
