// Cancels on record: of jobs that wait elsewhere, or were not seen yet.
#include "rbit/journal/rows.h"
#include "rbit/journal/sqlite_journal.h"
#include "rbit/log/log.h"

namespace rbit {

Task<Result<bool>> SqliteJournal::bury(const std::string& job_id) {
  bool buried = false;
  Change change = [&](std::int64_t&) -> Result<void> {
    const auto over = is_over(job_id);
    if (!over) return over.error();
    buried = !*over;
    if (*over) return {};
    auto row = database_.prepare("INSERT OR REPLACE INTO tombstone(job_id, time) VALUES(?, ?)");
    if (const auto written = row.bind(job_id).bind(now()).run(); !written) return written;
    // Whoever may publish may send any number of them: the youngest count.
    auto oldest = database_.prepare(
        "DELETE FROM tombstone WHERE job_id IN (SELECT job_id FROM tombstone ORDER BY time DESC "
        "LIMIT 100 OFFSET ?)");
    return oldest.bind(limits_.most_cancels).run();
  };
  // The message that asks for it is acknowledged next, and nobody will ask again.
  const auto written = co_await write(Durability::power, std::move(change));
  if (!written) co_return written.error();
  co_return buried;
}

bool SqliteJournal::is_buried(const std::string& job_id) const {
  auto row = database_.prepare("SELECT 1 FROM tombstone WHERE job_id = ? AND time > ?");
  const auto since = from_micros(now()) - limits_.cancels;
  const auto found = row.bind(job_id).bind(to_micros(since)).step();
  return found && *found;
}

std::vector<JobRecord> SqliteJournal::unfinished(const std::string& job_id) const {
  static const std::string sql = "SELECT " + std::string(rows::job_columns) +
                                 " FROM job WHERE job_id = ? AND state IN ('waiting', 'running', "
                                 "'blocked', 'moved') ORDER BY id";
  std::vector<JobRecord> jobs;
  auto row = database_.prepare(sql);
  row.bind(job_id);
  for (;;) {
    const auto found = row.step();
    if (!found) log::error("the journal could not be read: " + found.error().text());
    if (!found || !*found) return jobs;
    jobs.push_back(rows::read_job(row));
  }
}

/// Whether jobs of that id are known and all of them have ended.
Result<bool> SqliteJournal::is_over(const std::string& job_id) const {
  auto row = database_.prepare(
      "SELECT count(*), total(state IN ('waiting', 'running', 'blocked', 'moved')) FROM job WHERE "
      "job_id = ?");
  const auto found = row.bind(job_id).step();
  if (!found) return found.error();
  return row.integer(0) > 0 && row.integer(1) == 0;
}

}  // namespace rbit
