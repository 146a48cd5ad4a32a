#include "rbit/journal/report_table.h"

#include <algorithm>
#include <utility>

#include "rbit/core/destination.h"
#include "rbit/core/message_codec.h"
#include "rbit/journal/rows.h"

namespace rbit {

ReportTable::ReportTable(Database& database, std::vector<ReportTarget> targets, std::int64_t limit)
    : database_(database), targets_(std::move(targets)), limit_(limit) {
  auto count = database_.prepare("SELECT count(*) FROM outbox WHERE state = 'waiting'");
  if (count.step()) waiting_ = count.integer(0);
}

bool ReportTable::carry_messages() const {
  return std::any_of(targets_.begin(), targets_.end(),
                     [](const ReportTarget& target) { return target.carries_message; });
}

Result<void> ReportTable::add(std::int64_t job, Report report, const Job* whole) {
  {
    auto last = database_.prepare(
        "SELECT reported, reported_status, reported_reason, reported_message, reported_final, "
        "runner, package, version FROM job WHERE id = ?",
        job);
    const auto row = last.step();
    if (!row) return row.error();
    if (!*row || last.integer(4) % 2 != 0) return {};
    const bool same = last.integer(0) == report.attempt &&
                      last.text(1) == to_string(report.status) && last.text(3) == report.message &&
                      (report.reason.empty() || last.text(2) == report.reason);
    if (same) return {};
    last.read(5, report.runner, report.package, report.version);  // targets may ask whose job it is
  }
  const auto noted = database_.run(
      "UPDATE job SET seq = seq + 1, reported_seq = seq + 1, reported = ?, reported_status = ?, "
      "reported_reason = ?, "
      "reported_message = ?, reported_final = ? WHERE id = ?",
      report.attempt, to_string(report.status), report.reason, report.message,
      is_final(report.status), job);
  if (!noted) return noted;
  for (const ReportTarget& target : targets_) {
    if (!target.wants(report)) continue;
    const auto added = insert(job, report, target, whole);
    if (!added) return added;
  }
  told_.push_back(std::move(report));
  return make_room();
}

Result<void> ReportTable::add_said(std::int64_t job, const Report& report, const Job& whole) {
  const std::size_t before = told_.size();
  const auto added = add(job, report, &whole);
  if (!added || told_.size() == before) return added;
  return database_.run(
      "INSERT INTO outbox(job, target, attempt, seq, status, reason, message, final, time, state) "
      "VALUES(?1, ?2, ?3, (SELECT reported_seq FROM job WHERE id = ?1), ?4, ?5, ?6, 0, ?7, 'sent')",
      job, log_target, report.attempt, to_string(report.status), report.reason, report.message,
      report.time);
}

Result<void> ReportTable::add_again(std::int64_t job, std::int64_t now) {
  Report report;
  report.time = now;
  {
    auto last = database_.prepare(
        "SELECT reported, reported_status, reported_reason, reported_message, job_id, key, queue, "
        "runner, package, version FROM job WHERE id = ? AND reported > 0 AND reported_final < 2",
        job);
    const auto row = last.step();
    if (!row) return row.error();
    if (!*row) return {};
    std::string status;
    last.read(0, report.attempt, status, report.reason, report.message, report.job_id,
              report.job_key, report.queue, report.runner, report.package, report.version);
    report.status = status_from(status).value_or(Status::waiting);
  }
  for (const ReportTarget& target : targets_) {
    if (!target.hears_again || !target.wants(report)) continue;
    const auto waits = has_waiting(job, target.name);
    if (!waits) return waits.error();
    if (*waits) continue;  // it has not heard it yet, and will
    const auto added = insert(job, report, target, nullptr);
    if (!added) return added;
  }
  told_.push_back(std::move(report));
  return make_room();
}

Result<void> ReportTable::insert(std::int64_t job, const Report& report, const ReportTarget& target,
                                 const Job* whole) {
  const auto behind = has_waiting(job, target.name);
  if (!behind) return behind.error();
  std::string request, properties;
  std::string_view body;
  if (target.carries_message && whole != nullptr) {
    request = request_to_json(*whole);
    properties = properties_to_json(whole->head);
    body = whole->body;
  }
  // 0 is "at once": a wall clock that is set back must not hold a report up.
  const auto written = database_.run(
      "INSERT INTO outbox(job, target, attempt, seq, status, reason, message, final, time, due, "
      "request, properties, body) "
      "VALUES(?1, ?2, ?3, (SELECT reported_seq FROM job WHERE id = ?1), ?4, ?5, ?6, ?7, ?8, "
      "iif(?9, NULL, 0), ?10, ?11, ?12)",
      job, target.name, report.attempt, to_string(report.status), report.reason, report.message,
      is_final(report.status), report.time, *behind, request, properties, Blob{body});
  if (written) ++added_;
  return written;
}

Result<std::string> ReportTable::next_message_id(std::int64_t job, const Job& whole) {
  const auto counted = database_.run("UPDATE job SET seq = seq + 1 WHERE id = ?", job);
  if (!counted) return counted.error();
  auto row = database_.prepare("SELECT seq FROM job WHERE id = ?", job);
  const auto found = row.step();
  if (!found) return found.error();
  return message_id_of(whole.key, whole.attempt, static_cast<int>(row.integer(0)));
}

Result<std::string> ReportTable::publish(std::int64_t job, const Job& whole,
                                         const Publication& publication, std::int64_t now) {
  const auto id = next_message_id(job, whole);
  if (!id) return id;
  const std::string destination = written(publication.to);
  const auto behind = has_waiting(job, publication_target, destination);
  if (!behind) return behind.error();
  MessageHead head;
  static_cast<MessageProperties&>(head) = publication.properties;
  head.message_id = *id;
  head.exchange = publication.to.exchange;
  head.routing_key = publication.to.key;
  const bool is_apart = publication.delay.count() > 0;
  const std::int64_t due = is_apart ? now + publication.delay.count() * 1000 : 0;
  const std::string properties = properties_to_json(head);
  const auto written = database_.run(
      "INSERT INTO outbox(job, target, attempt, seq, status, reason, message, final, time, due, "
      "properties, body, apart) VALUES(?1, ?2, ?3, (SELECT seq FROM job WHERE id = ?1), '', ?4, "
      "?11, 1, ?5, iif(?6, NULL, ?7), ?8, ?9, ?10)",
      job, publication_target, whole.attempt, publication.is_reply ? "reply" : "", now,
      !is_apart && *behind, due, properties, Blob{publication.body}, is_apart, destination);
  if (!written) return written.error();
  ++added_;
  return id;
}

/// `destination`: of a publication, which its row has for its message.
Result<bool> ReportTable::has_waiting(std::int64_t job, const std::string& target,
                                      const std::string& destination) {
  return database_
      .prepare(
          "SELECT 1 FROM outbox WHERE job = ?1 AND target = ?2 AND state = 'waiting' AND "
          "apart = 0 AND (?3 = '' OR message = ?3) LIMIT 1",
          job, target, destination)
      .step();
}

Result<void> ReportTable::make_room() {
  while (waiting_ + added_ > limit_) {
    std::int64_t oldest = 0;
    {
      // Final ones last: what became of a job is worth more than that it began.
      auto row = database_.prepare(
          "SELECT id FROM outbox WHERE state = 'waiting' AND target <> ? ORDER BY final, id LIMIT "
          "1",
          publication_target);
      const auto found = row.step();
      if (!found) return found.error();
      if (!*found) return {};
      oldest = row.integer(0);
    }
    if (const auto out = take_out(oldest, "dropped", "too many reports wait"); !out) return out;
  }
  return {};
}

Result<void> ReportTable::take_out(std::int64_t id, std::string_view state,
                                   const std::string& note) {
  const auto taken = database_.run(
      "UPDATE outbox SET state = ?1, note = ?2, due = NULL, "
      "body = iif(?1 = 'sent' OR target <> ?4, x'', body) WHERE id = ?3 AND state = 'waiting'",
      state, note, id, publication_target);
  if (!taken) return taken;
  if (database_.changes() == 0) return {};  // it was out already
  --added_;
  // The next of the same job and target, of publications also destination, comes forward.
  return database_.run(
      "UPDATE outbox SET due = 0 WHERE due IS NULL AND id = ("
      "SELECT min(w.id) FROM outbox w JOIN outbox o ON w.job = o.job AND w.target = o.target "
      "WHERE o.id = ?1 AND w.state = 'waiting' AND w.apart = 0 AND "
      "(o.target <> ?2 OR w.message = o.message))",
      id, publication_target);
}

Result<void> ReportTable::postponed(std::int64_t id, std::int64_t next) {
  return database_.run(
      "UPDATE outbox SET due = ?, tries = tries + 1 WHERE id = ? AND due IS NOT NULL", next, id);
}

Result<void> ReportTable::drop_before(std::int64_t time) {
  std::vector<std::int64_t> old;
  for (const int final : {0, 1}) {
    auto rows = database_.prepare(
        "SELECT id, time FROM outbox WHERE state = 'waiting' AND target <> ? AND final = ? "
        "ORDER BY id LIMIT 250",
        publication_target, final);
    auto row = rows.step();
    for (; row && *row && rows.integer(1) < time; row = rows.step()) old.push_back(rows.integer(0));
    if (!row) return row.error();
  }
  for (const auto id : old)
    if (const auto out = take_out(id, "dropped", "too old"); !out) return out;
  return {};
}

std::vector<Report> ReportTable::due(const std::string& target, std::int64_t now, int limit) const {
  static const std::string sql = "SELECT " + std::string(rows::report_columns) +
                                 " FROM outbox o JOIN job j ON j.id = o.job" +
                                 std::string(rows::attempt_of_report) +
                                 "WHERE o.target = ? AND o.due <= ? ORDER BY o.due, o.id LIMIT ?";
  std::vector<Report> reports;
  std::size_t bytes = 0;  // of messages that they carry
  auto row = database_.prepare(sql, target, now, limit);
  for (auto found = row.step(); found && *found && bytes < ReportTable::most_bytes;
       found = row.step()) {
    reports.push_back(rows::read_report(row));
    bytes += reports.back().carried.body.size();
  }
  std::sort(reports.begin(), reports.end(),
            [](const Report& a, const Report& b) { return a.id < b.id; });
  return reports;
}

std::optional<std::int64_t> ReportTable::next_due(const std::string& target) const {
  auto row =
      database_.prepare("SELECT min(due) FROM outbox WHERE target = ? AND due IS NOT NULL", target);
  const auto found = row.step();
  if (!found || !*found || row.is_null(0)) return std::nullopt;
  return row.integer(0);
}

}  // namespace rbit
