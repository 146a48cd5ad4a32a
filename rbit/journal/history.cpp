#include "rbit/journal/history.h"

#include <algorithm>
#include <utility>

#include "rbit/base/text.h"
#include "rbit/core/message_codec.h"
#include "rbit/journal/job_index.h"
#include "rbit/journal/rows.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

/// "?, ?, ?"
std::string question_marks(std::size_t count) {
  std::string marks;
  for (std::size_t i = 0; i < count; ++i) marks += i == 0 ? "?" : ", ?";
  return marks;
}

std::string condition_of(const JobFilter& filter) {
  std::string condition = " WHERE touched >= ?";
  std::string states;  // of our own words, so no quoting is needed
  for (const auto state : filter.states) states += "'" + std::string(to_string(state)) + "', ";
  if (filter.due) states += "'blocked', ";
  if (!states.empty()) condition += " AND state IN (" + states.substr(0, states.size() - 2) + ")";
  if (!filter.queues.empty())
    condition += " AND queue IN (" + question_marks(filter.queues.size()) + ")";
  if (!filter.runners.empty())
    condition += " AND runner IN (" + question_marks(filter.runners.size()) + ")";
  return condition;
}

constexpr std::size_t most_named = 4;  // of those that a name may mean

}  // namespace

Error no_such_job(const std::string& name) {
  return {"job " + text::one_line(name, 300), not_in_journal,
          "`rbit jobs` lists them; what waits at a broker is not known before it begins"};
}

Error may_be_several(const std::string& name, const std::vector<std::string>& keys) {
  std::string names;
  for (std::size_t i = 0; i < keys.size() && i < most_named; ++i)
    names += (i == 0 ? "" : ", ") + text::one_line(keys[i], 80);
  if (keys.size() >= most_named) names += ", ...";
  return {"job " + text::one_line(name, 300), "may be several: " + names, "give more of its key"};
}

std::vector<JobRecord> History::jobs(int limit,
                                     std::initializer_list<JobRecord::State> states) const {
  JobFilter filter;
  filter.limit = limit;
  filter.states = states;
  return jobs(filter);
}

std::vector<JobRecord> History::jobs(const JobFilter& filter) const {
  auto row = database_.prepare(
      "SELECT " + std::string(rows::job_columns) +
      " FROM job WHERE id IN (SELECT id FROM (SELECT id, touched FROM job" + condition_of(filter) +
      " ORDER BY id DESC LIMIT ?) ORDER BY touched DESC, id DESC LIMIT ?) "
      "ORDER BY touched DESC, id DESC");
  row.bind(filter.since);
  for (const std::string& queue : filter.queues) row.bind(queue);
  for (const std::string& runner : filter.runners) row.bind(runner);
  row.bind(std::int64_t{filter.limit} + 1000).bind(std::int64_t{filter.limit});
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

std::int64_t History::reports_waiting() const {
  auto row = database_.prepare("SELECT count(*) FROM outbox WHERE state = 'waiting'");
  return rows::next(row) ? row.integer(0) : 0;
}

std::map<std::string, OpenJobs> History::open_jobs() const {
  auto row = database_.prepare(
      "SELECT queue, state, claim = 'owned' AND settlement = 'dead-letter' AND state <> 'running', "
      "claim = 'owned', count(*), min(ended + settlement_delay * 1000) FROM job WHERE id IN ("
      "SELECT job FROM job_open UNION SELECT id FROM job WHERE id > (SELECT mark FROM job_mark) "
      "UNION SELECT id FROM job WHERE state = 'blocked' UNION "
      "SELECT id FROM job WHERE claim = 'owned') GROUP BY 1, 2, 3, 4");
  std::map<std::string, OpenJobs> all;
  while (rows::next(row)) {
    std::string queue, state;
    bool is_dead = false, is_owned = false;
    std::int64_t count = 0, again = 0;
    row.read(0, queue, state, is_dead, is_owned, count, again);
    const JobRecord::State its_state = rows::state_from(state);
    const bool is_open = is_unfinished(its_state) || its_state == JobRecord::State::blocked;
    if (!is_dead && !is_open) continue;
    OpenJobs& jobs = all[queue];
    if (is_dead) {
      jobs.kept_dead += count;
    } else if (its_state == JobRecord::State::running) {
      jobs.running += count;
    } else if (its_state == JobRecord::State::blocked) {
      jobs.due += count;
      jobs.again = jobs.again == 0 ? again : std::min(jobs.again, again);
    } else if (is_owned) {  // else its message is in its queue
      jobs.waiting += count;
    }
  }
  return all;
}

Result<std::string> History::find(const std::string& name) const {
  const std::string job = "job " + text::one_line(name, 300);
  const Error none = no_such_job(name);
  if (name.empty()) return none;
  if (const auto known = this->job(name)) return known->job.key;
  if (name == "last") {
    auto row = database_.prepare(
        "SELECT key FROM (SELECT id, key, begun FROM job WHERE runner <> '' ORDER BY id DESC LIMIT "
        "1000) ORDER BY begun DESC, id DESC LIMIT 1");
    if (!rows::next(row)) return Error{job, "is none: no job has begun yet", ""};
    return row.text(0);
  }
  auto row = database_.prepare(
      "SELECT key FROM job WHERE substr(key, 1, length(?1)) = ?1 AND runner <> '' "
      "ORDER BY id DESC LIMIT ?2",
      name, std::int64_t{most_named});
  std::vector<std::string> keys;
  while (rows::next(row)) keys.push_back(row.text(0));
  if (keys.empty()) return none;
  if (keys.size() == 1) return keys.front();
  return may_be_several(name, keys);
}

std::optional<JobRecord::State> History::state_of(const std::string& key) const {
  const auto found = JobIndex::rows_of(database_, key);
  for (std::size_t i = 0; found && i < found->size(); ++i) {
    auto row =
        database_.prepare("SELECT state FROM job WHERE id = ? AND key = ?", (*found)[i], key);
    if (rows::next(row)) return rows::state_from(row.text(0));
  }
  return std::nullopt;
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
