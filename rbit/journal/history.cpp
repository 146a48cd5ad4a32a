#include "rbit/journal/history.h"

#include <utility>

#include "rbit/core/message_codec.h"
#include "rbit/journal/job_index.h"
#include "rbit/journal/rows.h"
#include "rbit/log/log.h"

namespace rbit {

std::vector<JobRecord> History::jobs(int limit,
                                     std::initializer_list<JobRecord::State> states) const {
  std::string names;  // of our own words, so no quoting is needed
  for (const auto state : states)
    names += (names.empty() ? "'" : ", '") + std::string(to_string(state)) + "'";
  auto row = database_.prepare(
      "SELECT " + std::string(rows::job_columns) +
          " FROM job WHERE id IN (SELECT id FROM (SELECT id, touched FROM job" +
          (names.empty() ? "" : " WHERE state IN (" + names + ")") +
          " ORDER BY id DESC LIMIT ?1 + 1000) ORDER BY touched DESC, id DESC LIMIT ?1) "
          "ORDER BY touched DESC, id DESC",
      limit);
  std::vector<JobRecord> jobs;
  while (rows::next(row)) jobs.push_back(rows::read_job(row));
  return jobs;
}

std::optional<JobHistory> History::job(const std::string& name) const {
  JobHistory history;
  if (name.empty()) return std::nullopt;  // not any job that has no number
  const auto found = JobIndex::rows_of(database_, name);
  if (!found) log::error("the journal could not be read: " + found.error().text());
  std::int64_t best = 0, touched = 0;
  for (std::size_t i = 0; found && i < found->size(); ++i) {
    auto row = database_.prepare("SELECT " + std::string(rows::job_columns) +
                                     ", run, touched, key = ?2 FROM job WHERE id = ?1",
                                 (*found)[i], name);
    if (!rows::next(row)) continue;
    std::int64_t its_time = 0;
    int its_run = 1;
    bool by_key = false;
    row.read(rows::job_column_count, its_run, its_time, by_key);
    if (best != 0 && !by_key && its_time < touched) continue;
    best = (*found)[i];
    touched = its_time;
    history.job = rows::read_job(row);
    history.run = its_run;
    if (by_key) break;
  }
  if (best == 0) return std::nullopt;
  history.attempts = attempts(best);
  history.deliveries = deliveries(best);
  history.reports = reports(best);
  return history;
}

/// The present one is in the job's row: the last.
std::vector<AttemptRecord> History::attempts(std::int64_t job) const {
  auto row = database_.prepare(
      "SELECT run, n, worker, outcome, reason, message, log_file, begun, ended, redelivered, exit, "
      "wall, cpu, memory, output, id FROM attempt WHERE job = ?1 "
      "UNION ALL SELECT run, attempt, coalesce((SELECT worker FROM life WHERE id = job.life), ''), "
      "iif(attempt_ended > 0, outcome, ''), iif(attempt_ended > 0, reason, ''), "
      "iif(attempt_ended > 0, message, ''), iif(attempt_ended > 0, log_file, ''), attempt_begun, "
      "attempt_ended, redelivered, exit, wall, cpu, memory, output, 9223372036854775807 FROM job "
      "WHERE id = ?1 AND attempt_begun > 0 ORDER BY 16",
      job);
  std::vector<AttemptRecord> attempts;
  while (rows::next(row)) {
    AttemptRecord& one = attempts.emplace_back();
    row.read(0, one.run, one.n, one.worker, one.outcome, one.reason, one.message, one.log_file,
             one.begun, one.ended, one.redelivered, one.exit, one.wall_micros, one.cpu_micros,
             one.peak_memory_kib, one.output_bytes);
  }
  return attempts;
}

std::vector<DeliveryRecord> History::deliveries(std::int64_t job) const {
  auto row = database_.prepare(
      "SELECT run, attempt, time, what FROM delivery WHERE job = ? ORDER BY id", job);
  std::vector<DeliveryRecord> deliveries;
  while (rows::next(row)) {
    DeliveryRecord& one = deliveries.emplace_back();
    row.read(0, one.run, one.attempt, one.time, one.what);
  }
  return deliveries;
}

std::vector<ReportRecord> History::reports(std::int64_t job) const {
  auto row =
      database_.prepare("SELECT " + std::string(rows::report_columns) +
                            ", o.state, o.note, o.due FROM outbox o JOIN job j ON j.id = o.job" +
                            std::string(rows::attempt_of_report) + "WHERE o.job = ? ORDER BY o.id",
                        job);
  std::vector<ReportRecord> reports;
  while (rows::next(row)) {
    ReportRecord& one = reports.emplace_back();
    one.report = rows::read_report(row);
    row.read(rows::report_column_count, one.state, one.note, one.due);
  }
  return reports;
}

std::vector<DeadLetter> History::dead_of(const std::string& key) const {
  auto row = database_.prepare(
      "SELECT id, reason, time, queue, properties, body FROM dead "
      "WHERE json_extract(properties, '$.message_id') = ? ORDER BY id",
      key);
  std::vector<DeadLetter> letters;
  while (rows::next(row)) {
    DeadLetter& letter = letters.emplace_back();
    std::string properties, body;
    row.read(0, letter.id, letter.reason, letter.time, letter.message.queue, properties, body);
    properties_from_json(properties, letter.message);
    letter.message.body = std::move(body);
  }
  return letters;
}

}  // namespace rbit
