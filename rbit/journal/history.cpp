#include "rbit/journal/history.h"

#include <utility>

#include "rbit/core/message_codec.h"
#include "rbit/journal/rows.h"
#include "rbit/log/log.h"

namespace rbit {

bool History::next(Statement& row) const {
  const auto found = row.step();
  if (!found) log::error("the journal could not be read: " + found.error().text());
  return found && *found;
}

std::vector<JobRecord> History::jobs(int limit,
                                     std::initializer_list<JobRecord::State> states) const {
  std::string names;  // of our own words, so no quoting is needed
  for (const auto state : states)
    names += (names.empty() ? "'" : ", '") + std::string(to_string(state)) + "'";
  auto row = database_.prepare("SELECT " + std::string(rows::job_columns) + " FROM job" +
                               (names.empty() ? "" : " WHERE state IN (" + names + ")") +
                               " ORDER BY touched DESC, id DESC LIMIT ?");
  row.bind(limit);
  std::vector<JobRecord> jobs;
  while (next(row)) jobs.push_back(rows::read_job(row));
  return jobs;
}

std::optional<JobHistory> History::job(const std::string& name) const {
  JobHistory history;
  {
    auto row = database_.prepare("SELECT " + std::string(rows::job_columns) +
                                 " FROM job WHERE key = ?1 OR job_id = ?1 "
                                 "ORDER BY key = ?1 DESC, touched DESC LIMIT 1");
    row.bind(name);
    if (!next(row)) return std::nullopt;
    history.job = rows::read_job(row);
  }
  {
    auto row = database_.prepare("SELECT run FROM job WHERE key = ?");
    row.bind(history.job.key);
    if (next(row)) history.run = static_cast<int>(row.integer(0));
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
      "WHERE job = (SELECT id FROM job WHERE key = ?) ORDER BY id");
  row.bind(key);
  std::vector<AttemptRecord> attempts;
  while (next(row))
    attempts.push_back({static_cast<int>(row.integer(0)), static_cast<int>(row.integer(1)),
                        row.text(2), row.text(3), row.text(4), row.text(5), row.text(6),
                        row.integer(7), row.integer(8), row.integer(9) != 0, row.text(10),
                        row.integer(11), row.integer(12), row.integer(13), row.integer(14)});
  return attempts;
}

std::vector<DeliveryRecord> History::deliveries(const std::string& key) const {
  auto row = database_.prepare(
      "SELECT run, attempt, time, what FROM delivery "
      "WHERE job = (SELECT id FROM job WHERE key = ?) ORDER BY id");
  row.bind(key);
  std::vector<DeliveryRecord> deliveries;
  while (next(row))
    deliveries.push_back({static_cast<int>(row.integer(0)), static_cast<int>(row.integer(1)),
                          row.integer(2), row.text(3)});
  return deliveries;
}

std::vector<ReportRecord> History::reports(const std::string& key) const {
  auto row =
      database_.prepare("SELECT " + std::string(rows::report_columns) +
                        ", o.state, o.note, o.due FROM outbox o JOIN job j ON j.id = o.job" +
                        std::string(rows::attempt_of_report) + "WHERE j.key = ? ORDER BY o.id");
  row.bind(key);
  std::vector<ReportRecord> reports;
  while (next(row))
    reports.push_back({rows::read_report(row), row.text(18), row.text(19), row.integer(20)});
  return reports;
}

std::vector<DeadLetter> History::dead(int limit, const std::string& queue) const {
  auto row = database_.prepare(
      "SELECT id, reason, time, queue, properties, body FROM dead "
      "WHERE ?1 = '' OR queue = ?1 ORDER BY id LIMIT ?2");
  row.bind(queue).bind(limit);
  return read_dead(row);
}

std::vector<DeadLetter> History::dead_of(const std::string& key) const {
  auto row = database_.prepare(
      "SELECT id, reason, time, queue, properties, body FROM dead "
      "WHERE json_extract(properties, '$.message_id') = ? ORDER BY id");
  row.bind(key);
  return read_dead(row);
}

std::vector<DeadLetter> History::read_dead(Statement& row) const {
  std::vector<DeadLetter> letters;
  while (next(row)) {
    DeadLetter letter;
    letter.id = row.integer(0);
    letter.reason = row.text(1);
    letter.time = row.integer(2);
    properties_from_json(row.text(4), letter.message);
    letter.message.queue = row.text(3);
    letter.message.body = row.blob(5);
    letters.push_back(std::move(letter));
  }
  return letters;
}

}  // namespace rbit
