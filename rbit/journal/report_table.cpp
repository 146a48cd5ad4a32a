#include "rbit/journal/report_table.h"

#include <algorithm>
#include <utility>

#include "rbit/journal/rows.h"

namespace rbit {

ReportTable::ReportTable(Database& database, std::vector<std::string> targets, std::int64_t limit)
    : database_(database), targets_(std::move(targets)), limit_(limit) {
  auto count = database_.prepare("SELECT count(*) FROM outbox WHERE state = 'waiting'");
  if (count.step()) waiting_ = count.integer(0);
}

Result<void> ReportTable::add(std::int64_t job, const Report& report, std::int64_t& waiting) {
  {
    auto last = database_.prepare(
        "SELECT reported, reported_status, reported_reason, reported_message, reported_final "
        "FROM job WHERE id = ?");
    last.bind(job);
    const auto row = last.step();
    if (!row) return row.error();
    if (!*row || last.integer(4) != 0) return {};
    const bool same = last.integer(0) == report.attempt &&
                      last.text(1) == to_string(report.status) && last.text(3) == report.message &&
                      (report.reason.empty() || last.text(2) == report.reason);
    if (same) return {};
  }
  auto note = database_.prepare(
      "UPDATE job SET seq = seq + 1, reported = ?, reported_status = ?, reported_reason = ?, "
      "reported_message = ?, reported_final = ? WHERE id = ?");
  const auto noted = note.bind(report.attempt)
                         .bind(to_string(report.status))
                         .bind(report.reason)
                         .bind(report.message)
                         .bind(is_final(report.status) ? 1 : 0)
                         .bind(job)
                         .run();
  if (!noted) return noted;
  return insert(job, report, targets_, waiting);
}

Result<void> ReportTable::add_again(std::int64_t job, std::int64_t now, std::int64_t& waiting) {
  Report report;
  {
    auto last = database_.prepare(
        "SELECT reported, reported_status, reported_reason, reported_message FROM job "
        "WHERE id = ? AND reported > 0");
    last.bind(job);
    const auto row = last.step();
    if (!row) return row.error();
    if (!*row) return {};
    report.attempt = static_cast<int>(last.integer(0));
    report.status = status_from(last.text(1)).value_or(Status::waiting);
    report.reason = last.text(2);
    report.message = last.text(3);
    report.time = now;
  }
  // Who has not heard it yet will hear it anyway.
  std::vector<std::string> heard;
  for (const auto& target : targets_) {
    const auto waits = has_waiting(job, target);
    if (!waits) return waits.error();
    if (!*waits) heard.push_back(target);
  }
  return insert(job, report, heard, waiting);
}

Result<void> ReportTable::insert(std::int64_t job, const Report& report,
                                 const std::vector<std::string>& targets, std::int64_t& waiting) {
  for (const auto& target : targets) {
    const auto behind = has_waiting(job, target);
    if (!behind) return behind.error();
    auto row = database_.prepare(
        "INSERT INTO outbox(job, target, attempt, seq, status, reason, message, final, time, due) "
        "VALUES(?, ?, ?, (SELECT seq FROM job WHERE id = ?), ?, ?, ?, ?, ?, ?)");
    row.bind(job)
        .bind(target)
        .bind(report.attempt)
        .bind(job)
        .bind(to_string(report.status))
        .bind(report.reason)
        .bind(report.message)
        .bind(is_final(report.status) ? 1 : 0)
        .bind(report.time);
    // 0 is "at once": a wall clock that is set back must not hold a report up.
    const auto written = (*behind ? row.bind_null() : row.bind(std::int64_t{0})).run();
    if (!written) return written;
    ++waiting;
  }
  return make_room(waiting);
}

Result<bool> ReportTable::has_waiting(std::int64_t job, const std::string& target) {
  auto row = database_.prepare(
      "SELECT 1 FROM outbox WHERE job = ? AND target = ? AND state = 'waiting' LIMIT 1");
  return row.bind(job).bind(target).step();
}

Result<void> ReportTable::make_room(std::int64_t& waiting) {
  while (waiting_ + waiting > limit_) {
    std::int64_t oldest = 0;
    {
      // Final ones last: what became of a job is worth more than that it began.
      auto row = database_.prepare(
          "SELECT id FROM outbox WHERE state = 'waiting' ORDER BY final, id LIMIT 1");
      const auto found = row.step();
      if (!found) return found.error();
      if (!*found) return {};
      oldest = row.integer(0);
    }
    if (const auto out = take_out(oldest, "dropped", "too many reports wait", waiting); !out)
      return out;
  }
  return {};
}

Result<void> ReportTable::sent(std::int64_t id, std::int64_t& waiting) {
  return take_out(id, "sent", "", waiting);
}

Result<void> ReportTable::dropped(std::int64_t id, const std::string& reason,
                                  std::int64_t& waiting) {
  return take_out(id, "dropped", reason, waiting);
}

Result<void> ReportTable::take_out(std::int64_t id, std::string_view state, const std::string& note,
                                   std::int64_t& waiting) {
  auto out = database_.prepare(
      "UPDATE outbox SET state = ?, note = ?, due = NULL WHERE id = ? AND state = 'waiting'");
  const auto taken = out.bind(state).bind(note).bind(id).run();
  if (!taken) return taken;
  if (database_.changes() == 0) return {};  // it was out already
  --waiting;
  // The next of the same job and target comes forward.
  auto next = database_.prepare(
      "UPDATE outbox SET due = 0 WHERE due IS NULL AND id = ("
      "SELECT min(w.id) FROM outbox w JOIN outbox o ON w.job = o.job AND w.target = o.target "
      "WHERE o.id = ? AND w.state = 'waiting')");
  return next.bind(id).run();
}

Result<void> ReportTable::postponed(std::int64_t id, std::int64_t next) {
  auto row = database_.prepare(
      "UPDATE outbox SET due = ?, tries = tries + 1 WHERE id = ? AND due IS NOT NULL");
  return row.bind(next).bind(id).run();
}

Result<void> ReportTable::drop_before(std::int64_t time, std::int64_t& waiting) {
  std::vector<std::int64_t> old;
  for (const int final : {0, 1}) {
    auto rows = database_.prepare(
        "SELECT id, time FROM outbox WHERE state = 'waiting' AND final = ? ORDER BY id LIMIT 250");
    rows.bind(final);
    for (;;) {
      const auto row = rows.step();
      if (!row) return row.error();
      if (!*row || rows.integer(1) >= time) break;
      old.push_back(rows.integer(0));
    }
  }
  for (const auto id : old)
    if (const auto out = take_out(id, "dropped", "too old", waiting); !out) return out;
  return {};
}

std::vector<Report> ReportTable::due(const std::string& target, std::int64_t now, int limit) const {
  static const std::string sql = "SELECT " + std::string(rows::report_columns) +
                                 " FROM outbox o JOIN job j ON j.id = o.job" +
                                 std::string(rows::attempt_of_report) +
                                 "WHERE o.target = ? AND o.due <= ? ORDER BY o.due, o.id LIMIT ?";
  std::vector<Report> reports;
  auto row = database_.prepare(sql);
  row.bind(target).bind(now).bind(limit);
  for (;;) {
    const auto found = row.step();
    if (!found || !*found) break;
    reports.push_back(rows::read_report(row));
  }
  std::sort(reports.begin(), reports.end(),
            [](const Report& a, const Report& b) { return a.id < b.id; });
  return reports;
}

std::optional<std::int64_t> ReportTable::next_due(const std::string& target) const {
  auto row = database_.prepare("SELECT min(due) FROM outbox WHERE target = ? AND due IS NOT NULL");
  const auto found = row.bind(target).step();
  if (!found || !*found || row.is_null(0)) return std::nullopt;
  return row.integer(0);
}

}  // namespace rbit
