#include "rbit/journal/owned_table.h"

#include <utility>

#include "rbit/base/random.h"
#include "rbit/core/message_codec.h"
#include "rbit/journal/rows.h"
#include "rbit/log/log.h"

namespace rbit {

Result<void> OwnedTable::own(const std::string& key, const Message& message,
                             const std::string& request, std::int64_t now) {
  const auto row = index_.find(key);
  if (!row) return row.error();
  // A disk that failed may have taken its row along: what is not there must not be acknowledged.
  if (!*row) return Error{"job " + key, "is not in the journal", ""};
  const auto written =
      database_.run("UPDATE job SET claim = 'owned', touched = ? WHERE id = ?", now, **row);
  if (!written) return written;
  const std::string properties = properties_to_json(message);
  return database_.run(
      "INSERT INTO payload(job, request, properties, redelivered, timestamp, body) "
      "VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(job) DO UPDATE SET body = ?6, "
      "properties = ?3, request = iif(?2 = '', request, ?2)",
      **row, request, properties, message.redelivered, now / 1'000'000, Blob{message.body});
}

/// The new key is random, for another producer may choose any id that can be foretold.
Result<void> OwnedTable::set_dead_aside(std::int64_t job) {
  const auto made = database_.run(
      "INSERT INTO job(key, queue, digest, settlement_reason, settlement_attempt, reason, begun, "
      "ended, touched, state, claim, settlement, runner, job_id, package, version, web_host) "
      "SELECT key || '#' || lower(hex(randomblob(8))), queue, digest, settlement_reason, "
      "settlement_attempt, reason, begun, ended, touched, 'dead', 'owned', 'dead-letter', '', '', "
      "package, version, '' FROM job WHERE id = ? AND claim = 'owned' AND settlement = "
      "'dead-letter' AND state <> 'running'",
      job);
  if (!made) return made;
  if (database_.changes() == 0) return {};
  const std::int64_t aside = database_.last_insert_id();
  std::string key, digest;
  {
    auto row = database_.prepare("SELECT key, digest FROM job WHERE id = ?", aside);
    if (const auto found = row.step(); !found) return found.error();
    row.read(0, key, digest);
  }
  if (const auto known = index_.put(aside, key, "", digest); !known) return known;
  return database_.run("UPDATE payload SET job = ? WHERE job = ?", aside, job);
}

/// Another producer may have given its id to a job that is not over, or to a letter that waits
/// here.
Result<bool> OwnedTable::is_taken(std::int64_t row) {
  return database_
      .prepare(
          "SELECT 1 FROM job WHERE id = ? AND (state IN ('waiting', 'running', 'blocked') OR "
          "claim = 'owned')",
          row)
      .step();
}

Result<void> OwnedTable::keep_dead(const Message& message, const Settlement& settlement,
                                   std::int64_t now) {
  std::string key = key_of(message);
  auto row = index_.find(key);
  if (!row) return row.error();
  if (*row) {
    const auto taken = is_taken(**row);
    if (!taken) return taken.error();
    if (*taken) {
      key += '#' + random_uuid();
      row->reset();
    }
  }
  const std::string digest = digest_of(message);
  std::int64_t id = 0;
  if (*row) {
    const auto lifted = index_.lift(**row);
    if (!lifted) return lifted.error();
    id = *lifted;
    const auto written = database_.run(
        "UPDATE job SET queue = ?2, digest = ?3, state = 'dead', claim = 'owned', "
        "settlement = 'dead-letter', settlement_reason = ?4, settlement_attempt = ?5, "
        "reason = ?4, ended = ?6, touched = ?6 WHERE id = ?1",
        id, message.queue, digest, settlement.reason, settlement.next_attempt, now);
    if (!written) return written;
  } else {
    const auto written = database_.run(
        "INSERT INTO job(key, queue, digest, settlement_reason, settlement_attempt, reason, begun, "
        "ended, touched, state, claim, settlement, runner, job_id, package, version, web_host) "
        "VALUES(?1, ?2, ?3, ?4, ?5, ?4, ?6, ?6, ?6, 'dead', 'owned', 'dead-letter', '', '', '', "
        "'', '')",
        key, message.queue, digest, settlement.reason, settlement.next_attempt, now);
    if (!written) return written;
    id = database_.last_insert_id();
    if (const auto known = index_.put(id, key, "", digest); !known) return known;
  }
  return database_.run(
      "INSERT OR REPLACE INTO payload(job, request, properties, redelivered, timestamp, body) "
      "VALUES(?, '{}', ?, ?, 0, ?)",
      id, properties_to_json(message), message.redelivered, Blob{message.body});
}

std::vector<std::string> OwnedTable::keys() const {
  std::vector<std::string> keys;
  auto row = database_.prepare("SELECT key FROM job WHERE claim = 'owned' ORDER BY id");
  while (rows::next(row)) keys.push_back(row.text(0));
  return keys;
}

Result<std::optional<OwnedJob>> OwnedTable::find(const std::string& key) const {
  static const std::string sql = "SELECT " + std::string(rows::job_columns) +
                                 ", p.request, p.properties, p.redelivered, p.body FROM job "
                                 "LEFT JOIN payload p ON p.job = job.id WHERE id = ? AND "
                                 "claim = 'owned'";
  const auto id = index_.find(key);
  if (!id) log::error("the journal could not be read: " + id.error().text());
  if (!id) return id.error();
  if (!*id) return std::optional<OwnedJob>();
  auto row = database_.prepare(sql, **id);
  const auto found = row.step();
  if (!found) {
    log::error("the journal could not be read: " + found.error().text());
    return found.error();
  }
  if (!*found) return std::optional<OwnedJob>();
  const JobRecord record = rows::read_job(row);
  OwnedJob owned;
  owned.state = record.state;
  owned.settlement = record.settlement;
  Job& job = owned.job;
  job.key = record.key;
  job.queue = record.queue;
  job.runner = record.runner;
  job.attempt = record.attempt;
  job.crashes = record.crashes;
  job.owned = true;
  job.digest = record.digest;
  std::string request, properties, body;
  row.read(rows::job_column_count, request, properties, job.redelivered, body);
  owned.is_unread = request.empty();
  request_from_json(request, job);
  job.body = std::move(body);
  owned.message.queue = record.queue;
  properties_from_json(properties, owned.message);
  owned.message.redelivered = job.redelivered;
  owned.message.body = job.body;
  job.head = owned.message;
  return std::optional<OwnedJob>(std::move(owned));
}

}  // namespace rbit
