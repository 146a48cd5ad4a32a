// Copies of messages that wait at the broker for their next attempt.
#include "rbit/journal/sqlite_journal.h"

namespace rbit {

std::vector<AwaitedCopy> SqliteJournal::awaited_copies() const {
  std::vector<AwaitedCopy> copies;
  auto row = database_.prepare(
      "SELECT key, queue, job_id, web_host, attempt, settlement_attempt, settlement_delay, touched "
      "FROM job WHERE state = 'blocked' AND claim = 'settled' AND settlement = 'retry' "
      "AND settled = 1");
  for (;;) {
    const auto found = row.step();
    if (!found || !*found) return copies;
    AwaitedCopy copy;
    copy.key = row.text(0);
    copy.queue = row.text(1);
    copy.job_id = row.text(2);
    copy.web_host = row.text(3);
    copy.attempt = static_cast<int>(row.integer(4));
    copy.next_attempt = static_cast<int>(row.integer(5));
    copy.delay = milliseconds(row.integer(6));
    copy.since = row.integer(7);
    copy.due = row.integer(7) + row.integer(6) * 1000;
    copies.push_back(std::move(copy));
  }
}

Task<Result<bool>> SqliteJournal::copy_lost(const AwaitedCopy& copy, Report verdict) {
  bool lost = false;
  Change change = [&](std::int64_t& waiting) -> Result<void> {
    lost = false;
    const auto row = row_of(copy.key);
    if (!row) return row.error();
    if (!*row) return {};
    auto gone = database_.prepare(
        "UPDATE job SET state = 'failed', reason = ?, message = ?, touched = ? "
        "WHERE id = ? AND state = 'blocked' AND claim = 'settled' AND attempt = ?");
    const auto written = gone.bind(verdict.reason)
                             .bind(verdict.message)
                             .bind(now())
                             .bind((*row)->id)
                             .bind(copy.attempt)
                             .run();
    if (!written) return written;
    if (database_.changes() == 0) return {};  // it came meanwhile
    lost = true;
    return reports_.add((*row)->id, verdict, waiting);
  };
  const auto written = co_await write(Durability::power, std::move(change));
  if (!written) co_return written.error();
  co_return lost;
}

}  // namespace rbit
