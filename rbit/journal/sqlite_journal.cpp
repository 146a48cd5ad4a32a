#include "rbit/journal/sqlite_journal.h"

#include <fstream>
#include <utility>

#include "rbit/base/random.h"
#include "rbit/core/message_codec.h"
#include "rbit/journal/rows.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

/// Tells whether the machine was started anew since, so that old process ids mean nothing.
std::string boot_id() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id;
}

}  // namespace

SqliteJournal::SqliteJournal(Database& database, Clock& clock, std::vector<ReportTarget> targets,
                             std::string worker, JournalLimits limits)
    : database_(database),
      clock_(clock),
      index_(database),
      reports_(database, std::move(targets), limits.waiting_reports),
      owned_(database, index_),
      cancels_(database, index_),
      worker_(std::move(worker)),
      boot_(boot_id()),
      life_(std::to_string(random_number())),
      limits_(limits),
      pruning_(database, clock, index_, reports_, limits, life_) {
  database_.on_undone([this] {
    index_.forget();
    cancels_.undone();
    life_row_ = 0;
  });
}

SqliteJournal::~SqliteJournal() {
  database_.on_undone(nullptr);
}

// ---- Reading

std::optional<JobRecord> SqliteJournal::find(const std::string& key) const {
  static const std::string sql =
      "SELECT " + std::string(rows::job_columns) + " FROM job WHERE id = ?";
  const auto unread = [this](const Error& why) {
    log::error("the journal could not be read: " + why.text());
    unread_ = true;  // "unknown" must not run a job again that is done
    return std::nullopt;
  };
  const auto id = index_.find(key);
  if (!id) return unread(id.error());
  if (!*id) return std::nullopt;
  auto row = database_.prepare(sql, **id);
  const auto found = row.step();
  if (!found) return unread(found.error());
  if (!*found) return std::nullopt;
  JobRecord record = rows::read_job(row);
  record.settled = record.settled || settling_.contains(key);
  return record;
}

Result<std::vector<OpenAttempt>> SqliteJournal::open_attempts() const {
  std::vector<OpenAttempt> open;
  const auto ids = index_.open();
  if (!ids) return ids.error();
  for (const std::int64_t id : *ids) {
    auto row = database_.prepare(
        "SELECT j.key, j.queue, j.runner, j.attempt, j.crashes, j.redelivered, j.attempt_begun, "
        "j.record_dir, j.claim = 'owned', j.digest, j.job_id, j.package, j.version, j.web_host, "
        "p.request, p.properties, p.body, coalesce(l.boot = ?, 0) "
        "FROM job j LEFT JOIN payload p ON p.job = j.id LEFT JOIN life l ON l.id = j.life "
        "WHERE j.id = ? AND j.life NOT IN (SELECT id FROM life WHERE name = ?)",
        boot_, id, life_);
    const auto found = row.step();
    if (!found) return found.error();
    if (!*found) continue;
    OpenAttempt one;
    Job& job = one.job;
    std::string request, body, properties;
    std::int64_t begun = 0;
    row.read(0, job.key, job.queue, job.runner, job.attempt, job.crashes, job.redelivered, begun,
             one.record_dir, job.owned, job.digest, job.request.job_id, job.request.package,
             job.request.version, job.request.web_host, request, properties, body,
             one.is_of_this_boot);
    job.timestamp = to_seconds(from_micros(begun));
    request_from_json(request, job);
    properties_from_json(properties, job.head);
    job.body = std::move(body);
    open.push_back(std::move(one));
  }
  return open;
}

std::vector<std::string> SqliteJournal::held_twins(const std::string& digest) const {
  std::vector<std::string> keys;
  const auto ids = index_.held(digest);
  if (!ids) log::error("the journal could not be read: " + ids.error().text());
  for (std::size_t i = 0; ids && i < ids->size(); ++i) {
    auto row = database_.prepare(
        "SELECT key FROM job WHERE id = ? AND digest = ? AND claim = 'held'", (*ids)[i], digest);
    if (rows::next(row)) keys.push_back(row.text(0));
  }
  return keys;
}

std::optional<milliseconds> SqliteJournal::ack_limit(const std::string& broker) const {
  auto row = database_.prepare("SELECT ack_limit FROM broker WHERE name = ? AND time > ?", broker,
                               before(limits_.brokers));
  const auto found = row.step();
  if (!found || !*found) return std::nullopt;
  return milliseconds(row.integer(0));
}

Journal::Deaths SqliteJournal::recent_deaths(const std::string& key) const {
  const auto id = index_.find(key);
  if (!id) log::error("the journal could not be read: " + id.error().text());
  if (!id || !*id) return {};
  auto row = database_.prepare(
      "SELECT coalesce(sum(outcome = 'crashed' AND reason = 'interrupted'), 0), "
      "coalesce(sum(outcome = 'interrupted' AND reason = 'not-started'), 0) FROM ("
      "SELECT a.outcome, a.reason, a.ended FROM attempt a JOIN job j ON j.id = a.job AND "
      "j.run = a.run WHERE j.id = ?1 UNION ALL "
      "SELECT outcome, reason, attempt_ended FROM job WHERE id = ?1) WHERE ended > ?2",
      **id, before(limits_.deaths));
  Deaths deaths;
  if (rows::next(row)) row.read(0, deaths.during, deaths.before_start);
  return deaths;
}

std::vector<AwaitedCopy> SqliteJournal::awaited_copies() const {
  std::vector<AwaitedCopy> copies;
  auto row = database_.prepare(
      "SELECT key, queue, job_id, web_host, attempt, settlement_attempt, settlement_delay, touched "
      "FROM job WHERE state = 'blocked' AND claim = 'settled' AND settlement = 'retry'");
  for (auto found = row.step(); found && *found; found = row.step()) {
    AwaitedCopy copy;
    std::int64_t delay = 0;
    row.read(0, copy.key, copy.queue, copy.job_id, copy.web_host, copy.attempt, copy.next_attempt,
             delay, copy.since);
    copy.delay = milliseconds(delay);
    copy.due = copy.since + delay * 1000;
    copies.push_back(std::move(copy));
  }
  return copies;
}

std::vector<JobRecord> SqliteJournal::unfinished(const std::string& job_id) const {
  static const std::string sql = "SELECT " + std::string(rows::job_columns) +
                                 " FROM job WHERE id = ? AND job_id = ? AND state IN ('waiting', "
                                 "'running', 'blocked', 'moved')";
  std::vector<JobRecord> jobs;
  const auto ids = index_.with_job_id(job_id);
  if (!ids) log::error("the journal could not be read: " + ids.error().text());
  for (std::size_t i = 0; ids && i < ids->size(); ++i) {
    auto row = database_.prepare(sql, (*ids)[i], job_id);
    if (rows::next(row)) jobs.push_back(rows::read_job(row));
  }
  return jobs;
}

// ---- Writing. Arguments live until the task ends; the changes run meanwhile.

Task<Result<void>> SqliteJournal::write(Durability durability, Change change, Reserve reserve) {
  std::int64_t added = 0;
  std::vector<Report> told;
  Database::Change counted = [&](Database&) {
    reports_.start_counting();  // anew if it is run again
    auto done = change();
    added = reports_.added();
    told = reports_.take_told();
    return done;
  };
  auto result = co_await database_.write(durability, std::move(counted), reserve);
  if (!result) co_return result;
  reports_.count(added);
  if (tell_)
    for (const Report& report : told) tell_(report);
  co_return result;
}

Task<Result<int>> SqliteJournal::came_again(const std::string& key) {
  if (unread_) co_return not_read();
  int deaths = 0;
  Change change = [&] { return mark_reading(key, deaths); };
  const auto written = co_await write(Durability::process, std::move(change));
  if (!written) co_return written.error();
  co_return deaths;
}

void SqliteJournal::was_read(const std::string& key) {
  database_.post(Durability::process,
                 [key](Database& in) { return in.run("DELETE FROM reading WHERE key = ?", key); });
}

Task<Result<void>> SqliteJournal::begin(const Job& job, const Message& message,
                                        const std::string& record_dir, Report building) {
  if (unread_) co_return not_read();
  // Taken now: while this waits another delivery of the same job may move the messages about.
  const std::string properties = properties_to_json(message);
  const bool redelivered = message.redelivered;
  Change change = [&] { return write_begin(job, properties, redelivered, record_dir, building); };
  // The broker still has the message: after a power cut it comes again.
  co_return co_await write(Durability::process, std::move(change));
}

Task<Result<void>> SqliteJournal::report(const Job& job, Report status) {
  Change change = [&]() -> Result<void> {
    const auto row = row_of(job.key);
    if (!row) return row.error();
    if (!*row) return Error{"job " + job.key, "was not begun, so nothing is reported of it", ""};
    return reports_.add_said((*row)->id, status, job);
  };
  co_return co_await write(Durability::process, std::move(change));
}

Task<Result<void>> SqliteJournal::finish(const Job& job, const Outcome& outcome,
                                         const Settlement& settlement,
                                         std::optional<Report> verdict,
                                         std::vector<Publication> publications) {
  std::int64_t told_early = 0;
  Change change = [&] {
    return write_finish(job, outcome, settlement, verdict, publications, told_early);
  };
  const auto written = co_await write(Durability::power, std::move(change), Reserve::use);
  if (!written || told_early == 0) co_return written;
  // On record in a while, when the log has it too, or at an orderly end. `add` undoes it.
  told_early_.insert(told_early);
  Database::Change note = [this, alive = lifetime_.watch(), told_early,
                           attempt = job.attempt](Database& in) {
    if (!alive.is_over()) told_early_.erase(told_early);
    return in.run(
        "UPDATE job SET reported_final = reported_final + 2 WHERE id = ? AND attempt = ? AND "
        "ended > 0 AND reported_final < 2",
        told_early, attempt);
  };
  database_.post_lazily(std::move(note), Database::Ride::in_bulk);
  co_return written;
}

Task<Result<void>> SqliteJournal::publish(const Job& job, Publication publication) {
  Change change = [&]() -> Result<void> {
    const auto row = row_of(job.key);
    if (!row) return row.error();
    if (!*row) return Error{"job " + job.key, "was not begun, so it publishes nothing", ""};
    return write_publication((*row)->id, job, publication);
  };
  co_return co_await write(Durability::power, std::move(change));
}

Task<Result<void>> SqliteJournal::own(const Job& job) {
  Message message;
  static_cast<MessageHead&>(message) = job.head;
  message.queue = job.queue;
  message.body = job.body;
  const std::string request = request_to_json(job);
  Change change = [&] { return owned_.own(job.key, message, request, now()); };
  co_return co_await write(Durability::power, std::move(change));
}

Task<Result<void>> SqliteJournal::own(const std::string& key, const Message& message) {
  return write(Durability::power,
               [this, &key, &message] { return owned_.own(key, message, "", now()); });
}

Task<Result<void>> SqliteJournal::keep_waiting(const Job& job, const Message& message) {
  if (unread_) co_return not_read();
  const std::string properties = properties_to_json(message);  // taken now, as in `begin`
  const bool redelivered = message.redelivered;
  Change change = [&]() -> Result<void> {
    const auto known = row_of(job.key);
    if (!known) return known.error();
    const auto row = accept(job, *known, JobRecord::State::waiting);
    if (!row) return row.error();
    return write_payload(*row, job, properties, redelivered, true);
  };
  co_return co_await write(Durability::power, std::move(change));
}

Task<Result<void>> SqliteJournal::keep_dead(const Message& message, const Settlement& settlement) {
  return write(Durability::power, [this, &message, &settlement] {
    return owned_.keep_dead(message, settlement, now());
  });
}

Task<Result<void>> SqliteJournal::remember_ack_limit(const std::string& broker,
                                                     milliseconds limit) {
  return write(Durability::process, [this, &broker, limit] {
    return database_.run("INSERT OR REPLACE INTO broker(name, ack_limit, time) VALUES(?, ?, ?)",
                         broker, limit.count(), now());
  });
}

Task<Result<void>> SqliteJournal::settled(const std::string& key) {
  const auto lazily = settle_lazily(key);
  if (!lazily) co_return lazily.error();
  if (*lazily) co_return Result<void>();
  Change change = [this, &key]() -> Result<void> {
    const auto row = row_of(key);
    if (!row) return row.error();
    if (!*row || (*row)->state == JobRecord::State::running) return {};
    const auto gone = database_.run("DELETE FROM payload WHERE job = ?", (*row)->id);
    if (!gone) return gone;
    return database_.run(
        "UPDATE job SET claim = 'settled', touched = ?, state = CASE settlement WHEN 'requeue' "
        "THEN 'moved' ELSE state END WHERE id = ?",
        now(), (*row)->id);
  };
  co_return co_await write(Durability::process, std::move(change));
}

/// An accept is noted with some later commit (rbit/doc/order.rst, lazy-accept). Returns false if it
/// is none. A new run of the key has other numbers by then.
Result<bool> SqliteJournal::settle_lazily(const std::string& key) {
  const auto id = index_.find(key);
  if (!id) return id.error();
  if (!*id) return false;
  std::int64_t run = 0, attempt = 0;
  std::string digest;
  {
    auto row = database_.prepare(
        "SELECT run, attempt, digest FROM job WHERE id = ? AND claim = 'held' AND "
        "settlement = 'accept' AND state <> 'running'",
        **id);
    const auto found = row.step();
    if (!found) return found.error();
    if (!*found) return false;
    row.read(0, run, attempt, digest);
  }
  index_.settled(**id, digest);
  settling_.insert(key);
  Database::Change change = [this, alive = lifetime_.watch(), key, row = **id, run, attempt,
                             time = now()](Database& in) -> Result<void> {
    if (!alive.is_over()) settling_.erase(key);
    const auto noted = in.run(
        "UPDATE job SET claim = 'settled', touched = ? WHERE id = ? AND run = ? AND attempt = ? "
        "AND claim = 'held' AND state <> 'running'",
        time, row, run, attempt);
    if (!noted || in.changes() == 0) return noted;
    return in.run("DELETE FROM payload WHERE job = ?", row);
  };
  database_.post_lazily(std::move(change));
  return true;
}

Task<Result<void>> SqliteJournal::joined(const std::string& key) {
  return write(Durability::process, [this, &key] { return note_delivery(key, "joined"); });
}

Task<Result<void>> SqliteJournal::report_again(const std::string& key, bool tell) {
  return write(Durability::process, [this, &key, tell]() -> Result<void> {
    const auto noted = note_delivery(key, "answered");
    if (!noted || !tell) return noted;
    const auto row = row_of(key);
    if (!row) return row.error();
    const bool is_told = !*row || told_early_.contains((*row)->id);
    return is_told ? Result<void>() : reports_.add_again((*row)->id, now());
  });
}

Task<Result<bool>> SqliteJournal::copy_lost(const AwaitedCopy& copy, Report verdict) {
  bool lost = false;
  Change change = [&] { return write_copy_lost(copy, verdict, lost); };
  const auto written = co_await write(Durability::power, std::move(change));
  if (!written) co_return written.error();
  co_return lost;
}

Task<Result<void>> SqliteJournal::probe() {
  Change change = [&]() -> Result<void> {
    const auto put =
        database_.run("INSERT OR REPLACE INTO tombstone(job_id, time) VALUES('', ?)", now());
    if (!put) return put;
    return database_.run("DELETE FROM tombstone WHERE job_id = ''");
  };
  auto written = co_await write(Durability::power, std::move(change));
  if (written) unread_ = false;
  co_return written;
}

Task<Result<bool>> SqliteJournal::record_cancel(const std::string& job_id) {
  bool recorded = false;
  Change change = [&] { return cancels_.record(job_id, now(), limits_.most_cancels, recorded); };
  // The message that asks for it is acknowledged next, and nobody will ask again.
  const auto written = co_await write(Durability::power, std::move(change));
  if (!written) co_return written.error();
  co_return recorded;
}

Task<Result<void>> SqliteJournal::report_sent(const Report& report) {
  return write(Durability::process, [this, &report] { return reports_.sent(report.id); });
}

Task<Result<void>> SqliteJournal::report_postponed(const Report& report, std::int64_t next) {
  return write(Durability::process,
               [this, &report, next] { return reports_.postponed(report.id, next); });
}

Task<Result<void>> SqliteJournal::report_dropped(const Report& report, const std::string& reason) {
  return write(Durability::process,
               [this, &report, &reason] { return reports_.dropped(report.id, reason); });
}

Task<Result<void>> SqliteJournal::prune() {
  return write(Durability::process, [this] { return pruning_.step(); });
}

}  // namespace rbit
