#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rbit/journal/schema.h"
#include "rbit/journal/sqlite_journal.h"
#include "tests/support/loop.h"
#include "tests/support/manual_clock.h"
#include "tests/support/open_database.h"
#include "tests/support/print.h"
#include "tests/support/temp_dir.h"

namespace rbit::test {

/// A journal that can die and live again on the same file.
struct JournalFixture {
  enum class Start { must_work, may_fail };  // may: without a journal then

  explicit JournalFixture(std::string path = ":memory:", JournalLimits with = {},
                          Start start = Start::must_work)
      : file(std::move(path)), limits(with) {
    if (start == Start::must_work)
      live();
    else
      try_to_live();
  }
  void try_to_live() {
    auto opened = Database::open(loop.get_executor(), file);
    if (!opened || !schema::upgrade(**opened)) return;
    database = std::move(*opened);
    journal = std::make_unique<SqliteJournal>(*database, clock, targets, "worker", limits);
  }
  void live() {
    journal.reset();  // before its database
    database = open_database(loop, file);
    REQUIRE(schema::upgrade(*database));
    journal = std::make_unique<SqliteJournal>(*database, clock, targets, "worker", limits);
  }
  void die_and_live() {
    journal.reset();
    database.reset();
    live();
  }

  Job job(const std::string& key, int attempt = 1) {
    Job one;
    one.key = key;
    one.queue = "q";
    one.runner = "r";
    one.attempt = attempt;
    one.request.job_id = "36";
    one.request.package = "col1";
    one.request.version = "1.2";
    one.request.web_host = "localhost:8080";
    one.body = "body of " + key;
    return one;
  }
  Report status(const Job& job, Status what, std::string message = "", std::string reason = "") {
    Report report;
    report.job_key = job.key;
    report.job_id = job.request.job_id;
    report.queue = job.queue;
    report.web_host = job.request.web_host;
    report.attempt = job.attempt;
    report.status = what;
    report.message = std::move(message);
    report.reason = std::move(reason);
    report.time = to_micros(clock.wall());
    return report;
  }

  bool begin(const Job& job) {
    Message message;
    message.queue = job.queue;
    message.body = job.body;
    const Report building = status(job, Status::building);
    const std::string dir = "/records/" + job.key;
    return run(loop, journal->begin(job, message, dir, building)).has_value();
  }
  bool report(const Job& job, Status what, const std::string& message = "") {
    return run(loop, journal->report(job, status(job, what, message))).has_value();
  }
  bool finish(const Job& job, Outcome::Kind kind, const Settlement& settlement,
              std::optional<Status> verdict) {
    Outcome outcome;
    outcome.kind = kind;
    outcome.reason = "exit 0";
    outcome.message = "the end";
    outcome.log_file = "/logs/" + job.key;
    outcome.artifacts = {{"/out/a.pdf", "pdf"}};
    std::optional<Report> told;
    if (verdict) told = status(job, *verdict, outcome.message, outcome.reason);
    return run(loop, journal->finish(job, outcome, settlement, told)).has_value();
  }
  bool done(const Job& job) {
    return finish(job, Outcome::Kind::done, Settlement::accept(), Status::done);
  }
  bool settled(const std::string& key) { return run(loop, journal->settled(key)).has_value(); }
  /// What the sink of `target` is given, one after the other, until it has everything.
  std::vector<std::string> send_all(const std::string& target) {
    std::vector<std::string> sent;
    for (;;) {
      const auto due = journal->due_reports(target, to_micros(clock.wall()), 1);
      if (due.empty()) return sent;
      sent.push_back(std::string(to_string(due[0].status)) +
                     (due[0].message.empty() ? "" : ":" + due[0].message));
      REQUIRE(run(loop, journal->report_sent(due[0])));
    }
  }
  std::int64_t count(const std::string& table) { return count_rows(*database, table); }

  std::string file;
  JournalLimits limits;
  std::vector<ReportTarget> targets{"amqp", "pybit"};
  ManualClock clock;
  asio::io_context loop;
  std::unique_ptr<Database> database;
  std::unique_ptr<SqliteJournal> journal;
};

}  // namespace rbit::test
