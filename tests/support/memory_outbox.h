#pragma once

#include <algorithm>
#include <limits>
#include <list>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "rbit/core/journal.h"

namespace rbit::test {

/// The outbox part of a journal, in memory. Writes end at once, or fail while `sick` is set.
class MemoryOutbox : public Journal {
 public:
  struct Row {
    Report report;
    std::int64_t next = 0;
  };

  /// Appends a report as the journal would: the next seq of its job.
  Report& put(Report report, std::int64_t next = 0) {
    report.id = ++last_id_;
    report.seq = static_cast<int>(last_id_);
    rows.push_back({std::move(report), next});
    return rows.back().report;
  }

  std::vector<Report> due_reports(const std::string& target, std::int64_t now,
                                  int limit) const override {
    ++reads;
    std::vector<Report> due;
    std::set<std::string> jobs;
    for (const auto& row : rows) {
      if (row.report.target != target || !jobs.insert(row.report.job_key).second) continue;
      if (row.next <= now && static_cast<int>(due.size()) < limit) due.push_back(row.report);
    }
    return due;
  }
  std::optional<std::int64_t> next_report(const std::string& target) const override {
    std::optional<std::int64_t> next;
    std::set<std::string> jobs;
    for (const auto& row : rows) {
      if (row.report.target != target || !jobs.insert(row.report.job_key).second) continue;
      next = std::min(row.next, next.value_or(std::numeric_limits<std::int64_t>::max()));
    }
    return next;
  }
  Task<Result<void>> report_sent(const Report& report) override {
    if (sick) co_return Error{"journal", "no space left on device", ""};
    remove(report.id);
    co_return Result<void>();
  }
  Task<Result<void>> report_postponed(const Report& report, std::int64_t next) override {
    if (sick) co_return Error{"journal", "no space left on device", ""};
    for (auto& row : rows) {
      if (row.report.id != report.id) continue;
      row.next = next;
      ++row.report.tries;
    }
    co_return Result<void>();
  }
  Task<Result<void>> report_dropped(const Report& report, const std::string& reason) override {
    if (sick) co_return Error{"journal", "no space left on device", ""};
    dropped.push_back(report.job_id + ": " + reason);
    remove(report.id);
    co_return Result<void>();
  }
  std::int64_t reports_waiting() const override { return static_cast<std::int64_t>(rows.size()); }

  // The rest of a journal: not here.
  std::optional<JobRecord> find(const std::string&) const override { return std::nullopt; }
  std::vector<std::string> held_twins(const std::string&) const override { return {}; }
  Result<std::vector<OpenAttempt>> open_attempts() const override {
    return std::vector<OpenAttempt>();
  }
  Task<Result<void>> begin(const Job&, const Message&, const std::string&, Report) override {
    co_return Result<void>();
  }
  Task<Result<void>> report(const Job&, Report) override { co_return Result<void>(); }
  Task<Result<void>> finish(const Job&, const Outcome&, const Settlement&, std::optional<Report>,
                            std::vector<Publication>) override {
    co_return Result<void>();
  }
  Task<Result<void>> publish(const Job&, Publication) override { co_return Result<void>(); }
  Task<Result<void>> own(const Job&) override { co_return Result<void>(); }
  Task<Result<void>> own(const std::string&, const Message&) override { co_return Result<void>(); }
  std::vector<std::string> owned_jobs() const override { return {}; }
  Result<std::optional<OwnedJob>> owned_job(const std::string&) const override {
    return std::optional<OwnedJob>();
  }
  Task<Result<void>> remember_ack_limit(const std::string&, milliseconds) override {
    co_return Result<void>();
  }
  std::optional<milliseconds> ack_limit(const std::string&) const override { return std::nullopt; }
  Task<Result<void>> keep_waiting(const Job&, const Message&) override { co_return Result<void>(); }
  Task<Result<void>> keep_dead(const Message&, const Settlement&) override {
    co_return Result<void>();
  }
  Task<Result<int>> came_again(const std::string&) override { co_return 0; }
  void was_read(const std::string&) override {}
  Deaths recent_deaths(const std::string&) const override { return {}; }
  Task<Result<void>> settled(const std::string&) override { co_return Result<void>(); }
  Task<Result<void>> joined(const std::string&) override { co_return Result<void>(); }
  Task<Result<void>> report_again(const std::string&, bool) override { co_return Result<void>(); }
  std::vector<AwaitedCopy> awaited_copies() const override { return {}; }
  Task<Result<bool>> copy_lost(const AwaitedCopy&, Report) override { co_return true; }
  Task<Result<void>> probe() override { co_return Result<void>(); }
  Task<Result<bool>> record_cancel(const std::string&) override { co_return true; }
  bool has_cancel(const std::string&) const override { return false; }
  std::vector<JobRecord> unfinished(const std::string&) const override { return {}; }

  std::list<Row> rows;
  std::vector<std::string> dropped;
  bool sick = false;
  mutable int reads = 0;

 private:
  void remove(std::int64_t id) {
    rows.remove_if([id](const Row& row) { return row.report.id == id; });
  }
  std::int64_t last_id_ = 0;
};

}  // namespace rbit::test
