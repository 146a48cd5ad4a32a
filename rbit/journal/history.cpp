#include "rbit/journal/history.h"

#include <utility>

#include "rbit/core/message_codec.h"
#include "rbit/journal/rows.h"

namespace rbit {

std::vector<JobRecord> History::jobs(int limit,
                                     std::initializer_list<JobRecord::State> states) const {
  std::string names;  // of our own words, so no quoting is needed
  for (const auto state : states)
    names += (names.empty() ? "'" : ", '") + std::string(to_string(state)) + "'";
  auto row = database_.prepare("SELECT " + std::string(rows::job_columns) + " FROM job" +
                                   (names.empty() ? "" : " WHERE state IN (" + names + ")") +
                                   " ORDER BY touched DESC, id DESC LIMIT ?",
                               limit);
  std::vector<JobRecord> jobs;
  while (rows::next(row)) jobs.push_back(rows::read_job(row));
  return jobs;
}

std::optional<JobHistory> History::job(const std::string& name) const {
  JobHistory history;
  if (name.empty()) return std::nullopt;  // not any job that has no number
  {
    auto row = database_.prepare("SELECT " + std::string(rows::job_columns) +
                                     ", run FROM job WHERE key = ?1 OR job_id = ?1 "
                                     "ORDER BY key = ?1 DESC, touched DESC LIMIT 1",
                                 name);
    if (!rows::next(row)) return std::nullopt;
    history.job = rows::read_job(row);
    row.read(rows::job_column_count, history.run);
  }
  history.attempts = attempts(history.job.key);
  history.deliveries = deliveries(history.job.key);
  history.reports = reports(history.job.key);
  return history;
}

std::vector<AttemptRecord> History::attempts(const std::string& key) const {
  auto row = database_.prepare(
      "SELECT run, n, worker, outcome, reason, message, log_file, begun, ended, redelivered, exit, "
      "wall, cpu, memory, output FROM attempt "
      "WHERE job = (SELECT id FROM job WHERE key = ?) ORDER BY id",
      key);
  std::vector<AttemptRecord> attempts;
  while (rows::next(row)) {
    AttemptRecord& one = attempts.emplace_back();
    row.read(0, one.run, one.n, one.worker, one.outcome, one.reason, one.message, one.log_file,
             one.begun, one.ended, one.redelivered, one.exit, one.wall_micros, one.cpu_micros,
             one.peak_memory_kib, one.output_bytes);
  }
  return attempts;
}

std::vector<DeliveryRecord> History::deliveries(const std::string& key) const {
  auto row = database_.prepare(
      "SELECT run, attempt, time, what FROM delivery "
      "WHERE job = (SELECT id FROM job WHERE key = ?) ORDER BY id",
      key);
  std::vector<DeliveryRecord> deliveries;
  while (rows::next(row)) {
    DeliveryRecord& one = deliveries.emplace_back();
    row.read(0, one.run, one.attempt, one.time, one.what);
  }
  return deliveries;
}

std::vector<ReportRecord> History::reports(const std::string& key) const {
  auto row =
      database_.prepare("SELECT " + std::string(rows::report_columns) +
                            ", o.state, o.note, o.due FROM outbox o JOIN job j ON j.id = o.job" +
                            std::string(rows::attempt_of_report) + "WHERE j.key = ? ORDER BY o.id",
                        key);
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
