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
      reports_(database, std::move(targets), limits.waiting_reports),
      owned_(database),
      cancels_(database),
      worker_(std::move(worker)),
      boot_(boot_id()),
      life_(std::to_string(random_number())),
      limits_(limits),
      pruning_(database, clock, reports_, limits, life_) {}

// ---- Reading

std::optional<JobRecord> SqliteJournal::find(const std::string& key) const {
  static const std::string sql =
      "SELECT " + std::string(rows::job_columns) + " FROM job WHERE key = ?";
  auto row = database_.prepare(sql, key);
  const auto found = row.step();
  if (!found) {
    log::error("the journal could not be read: " + found.error().text());
    unread_ = true;  // "unknown" must not run a job again that is done
    return std::nullopt;
  }
  if (!*found) return std::nullopt;
  return rows::read_job(row);
}

Result<std::vector<OpenAttempt>> SqliteJournal::open_attempts() const {
  std::vector<OpenAttempt> open;
  auto row = database_.prepare(
      "SELECT j.key, j.queue, j.runner, a.n, j.crashes, p.redelivered, p.timestamp, p.request, "
      "p.body, a.record_dir, j.claim = 'owned', j.digest, p.properties FROM attempt a JOIN job j "
      "ON j.id = a.job "
      "JOIN payload p ON p.job = a.job WHERE a.ended = 0 AND a.life <> ? ORDER BY a.id",
      life_);
  auto found = row.step();
  for (; found && *found; found = row.step()) {
    OpenAttempt one;
    Job& job = one.job;
    std::string request, body, properties;
    row.read(0, job.key, job.queue, job.runner, job.attempt, job.crashes, job.redelivered,
             job.timestamp, request, body, one.record_dir, job.owned, job.digest, properties);
    request_from_json(request, job);
    properties_from_json(properties, job.head);
    job.body = std::move(body);
    open.push_back(std::move(one));
  }
  if (!found) return found.error();
  return open;
}

std::vector<std::string> SqliteJournal::held_twins(const std::string& digest) const {
  std::vector<std::string> keys;
  auto row = database_.prepare(
      "SELECT key FROM job WHERE digest = ? AND claim = 'held' ORDER BY id", digest);
  while (rows::next(row)) keys.push_back(row.text(0));
  return keys;
}

std::optional<milliseconds> SqliteJournal::ack_limit(const std::string& broker) const {
  auto row = database_.prepare("SELECT ack_limit FROM broker WHERE name = ? AND time > ?", broker,
                               before(limits_.brokers));
  const auto found = row.step();
  if (!found || !*found) return std::nullopt;
  return milliseconds(row.integer(0));
}

int SqliteJournal::recent_deaths(const std::string& key) const {
  auto row = database_.prepare(
      "SELECT count(*) FROM attempt a JOIN job j ON j.id = a.job WHERE j.key = ? AND "
      "a.run = j.run AND a.outcome = 'crashed' AND a.reason = 'interrupted' AND a.ended > ?",
      key, before(limits_.deaths));
  return rows::next(row) ? static_cast<int>(row.integer(0)) : 0;
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
                                 " FROM job WHERE job_id = ? AND state IN ('waiting', 'running', "
                                 "'blocked', 'moved') ORDER BY id";
  std::vector<JobRecord> jobs;
  if (job_id.empty()) return jobs;
  auto row = database_.prepare(sql, job_id);
  while (rows::next(row)) jobs.push_back(rows::read_job(row));
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
  Change change = [&] { return write_finish(job, outcome, settlement, verdict, publications); };
  co_return co_await write(Durability::power, std::move(change), Reserve::use);
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

Task<Result<void>> SqliteJournal::own(const std::string& key) {
  return write(Durability::power, [this, &key] { return owned_.own(key, now()); });
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
    return write_payload(*row, job, properties, redelivered);
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
  return write(Durability::process, [this, &key]() -> Result<void> {
    const auto gone = database_.run(
        "DELETE FROM payload WHERE job = (SELECT id FROM job WHERE key = ? AND state <> "
        "'running')",
        key);
    if (!gone) return gone;
    return database_.run(
        "UPDATE job SET claim = 'settled', touched = ?, state = CASE settlement WHEN 'requeue' "
        "THEN 'moved' ELSE state END WHERE key = ? AND state <> 'running'",
        now(), key);
  });
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
    return *row ? reports_.add_again((*row)->id, now()) : Result<void>();
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

// ---- The changes

Result<std::optional<SqliteJournal::Row>> SqliteJournal::row_of(const std::string& key) const {
  auto row = database_.prepare("SELECT id, state, attempt, outcome FROM job WHERE key = ?", key);
  const auto found = row.step();
  if (!found) return found.error();
  if (!*found) return std::optional<Row>();
  return std::optional<Row>(Row{row.integer(0), rows::state_from(row.text(1)),
                                static_cast<int>(row.integer(2)), row.text(3)});
}

/// The message of this key is about to be read. Counts in `deaths` how many earlier lives of rbit
/// ended while they read it.
Result<void> SqliteJournal::mark_reading(const std::string& key, int& deaths) {
  const auto forgiven =
      database_.run("DELETE FROM reading WHERE time <= ?", before(limits_.deaths));
  if (!forgiven) return forgiven;
  {
    auto count =
        database_.prepare("SELECT count(*) FROM reading WHERE key = ? AND life <> ?", key, life_);
    const auto counted = count.step();
    if (!counted) return counted.error();
    deaths = static_cast<int>(count.integer(0));
  }
  return database_.run("INSERT OR REPLACE INTO reading(key, life, time) VALUES(?, ?, ?)", key,
                       life_, now());
}

/// The job's row, in this state: a new one, or the one there was, in a new run if that was over.
Result<std::int64_t> SqliteJournal::accept(const Job& job, const std::optional<Row>& row,
                                           JobRecord::State state) {
  const std::int64_t time = now();
  if (row && rows::is_over(row->state)) {
    if (const auto kept = owned_.set_dead_aside(row->id); !kept) return kept.error();
    const auto fresh = database_.run(
        "UPDATE job SET run = run + 1, begun = ?, outcome = '', reason = '', message = '', "
        "reported = 0, reported_status = '', reported_final = 0, log_file = '', artifacts = '', "
        "result = '' "
        "WHERE id = ?",
        time, row->id);
    if (!fresh) return fresh.error();
  }
  auto write = database_.prepare(
      row ? "UPDATE job SET queue = ?, runner = ?, job_id = ?, package = ?, version = ?, "
            "digest = ?, web_host = ?, attempt = ?, crashes = ?, touched = ?, claim = ?, "
            "state = ?, settlement = '', ended = 0 WHERE id = ?"
          : "INSERT INTO job(queue, runner, job_id, package, version, digest, web_host, attempt, "
            "crashes, touched, claim, state, begun, key) "
            "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      job.queue, job.runner, job.request.job_id, job.request.package, job.request.version,
      job.digest, job.request.web_host, job.attempt, job.crashes, time,
      job.owned ? "owned" : "held", to_string(state));
  const auto written = row ? write.bind(row->id).run() : write.bind(time, job.key).run();
  if (!written) return written.error();
  return row ? row->id : database_.last_insert_id();
}

Result<void> SqliteJournal::write_begin(const Job& job, const std::string& properties,
                                        bool redelivered, const std::string& record_dir,
                                        const Report& building) {
  const auto known = row_of(job.key);
  if (!known) return known.error();
  const auto row = accept(job, *known, JobRecord::State::running);
  if (!row) return row.error();
  if (*known) {  // an attempt that is still open has no end but this: its rbit died
    Outcome lost;
    lost.kind = Outcome::Kind::crashed;
    lost.reason = "interrupted";
    if (const auto closed = close_attempts(*row, lost); !closed) return closed;
  }
  if (const auto kept = write_payload(*row, job, properties, redelivered); !kept) return kept;
  const auto begun = database_.run(
      "INSERT INTO attempt(job, run, n, life, boot, worker, record_dir, begun, redelivered) "
      "VALUES(?1, (SELECT run FROM job WHERE id = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
      *row, job.attempt, life_, boot_, worker_, record_dir, now(), redelivered);
  if (!begun) return begun;
  return reports_.add(*row, building, &job);
}

Result<void> SqliteJournal::write_payload(std::int64_t row, const Job& job,
                                          const std::string& properties, bool redelivered) {
  const bool has_body = job.may_be_owned || job.owned || reports_.carry_messages();
  return database_.run(
      "INSERT OR REPLACE INTO payload(job, request, properties, redelivered, timestamp, body) "
      "VALUES(?, ?, ?, ?, ?, ?)",
      row, request_to_json(job), properties, redelivered, job.timestamp,
      Blob{has_body ? job.body.bytes() : std::string_view()});
}

/// One that began no attempt. At most 100 a job are of use to anybody; a broker may send more.
Result<void> SqliteJournal::note_delivery(const std::string& key, const char* what) {
  return database_.run(
      "INSERT INTO delivery(job, run, attempt, time, what) SELECT id, run, attempt, ?, ? FROM job "
      "WHERE key = ? AND (SELECT count(*) FROM delivery WHERE job = job.id) < 100",
      now(), what, key);
}

Result<void> SqliteJournal::close_attempts(std::int64_t row, const Outcome& outcome) {
  return database_.run(
      "UPDATE attempt SET ended = ?, outcome = ?, reason = ?, message = ?, log_file = ?, exit = ?, "
      "wall = ?, cpu = ?, memory = ?, output = ? WHERE job = ? AND ended = 0",
      now(), to_string(outcome.kind), outcome.reason, outcome.message, outcome.log_file,
      outcome.exit, outcome.wall_micros, outcome.cpu_micros, outcome.peak_memory_kib,
      outcome.output_bytes, row);
}

Result<void> SqliteJournal::write_finish(const Job& job, const Outcome& outcome,
                                         const Settlement& settlement,
                                         const std::optional<Report>& verdict,
                                         const std::vector<Publication>& publications) {
  const auto known = row_of(job.key);
  if (!known) return known.error();
  std::int64_t row = *known ? (*known)->id : 0;
  // A job that ends without a begin (cancelled before it) has its row from here; the same verdict
  // once more (its first answer did not arrive) finds its own.
  // An attempt that has begun has its verdict to come, though an earlier one may have been alike.
  const bool repeated = *known && (*known)->state != JobRecord::State::running &&
                        (*known)->attempt == job.attempt &&
                        (*known)->outcome == to_string(outcome.kind);
  if (!*known || (rows::is_over((*known)->state) && !repeated)) {
    const auto accepted = accept(job, *known, JobRecord::State::running);
    if (!accepted) return accepted.error();
    row = *accepted;
  }
  // Its dead letter may still wait here: another answer does not undo it.
  if (*known && repeated && settlement.kind != Settlement::Kind::dead_letter)
    if (const auto kept = owned_.set_dead_aside(row); !kept) return kept;
  if (const auto closed = close_attempts(row, outcome); !closed) return closed;
  if (const auto written = write_verdict(row, job, outcome, settlement); !written) return written;
  if (verdict)
    if (const auto told = reports_.add(row, *verdict, &job); !told) return told;
  if (!repeated)  // else they are on record
    for (const Publication& publication : publications)
      if (const auto sent = write_publication(row, job, publication); !sent) return sent;
  const auto state = rows::state_after(outcome, settlement);
  if (state == JobRecord::State::done || state == JobRecord::State::failed) {
    const auto late = cancels_.forget(job.request.job_id);  // it came too late
    if (!late) return late;
  }

  constexpr int finishes_a_step = 64;  // each step removes up to 200 jobs, so it always keeps up
  if (++finishes_ % finishes_a_step != 0) return {};
  return pruning_.step();
}

Result<void> SqliteJournal::write_publication(std::int64_t row, const Job& job,
                                              const Publication& publication) {
  if (!enqueue_) {
    const auto id = reports_.publish(row, job, publication, now());
    return id ? Result<void>() : id.error();
  }
  const auto id = reports_.next_message_id(row, job);
  return id ? enqueue_(publication, *id) : id.error();
}

Result<void> SqliteJournal::write_verdict(std::int64_t row, const Job& job, const Outcome& outcome,
                                          const Settlement& settlement) {
  return database_.run(
      "UPDATE job SET state = ?1, attempt = ?2, crashes = ?3, outcome = ?4, reason = ?5, "
      "message = ?6, settlement = ?7, settlement_delay = ?8, settlement_attempt = ?9, "
      "settlement_reason = ?10, claim = ?11, log_file = ?12, artifacts = ?13, ended = ?14, "
      "touched = ?14, result = ?16 WHERE id = ?15",
      to_string(rows::state_after(outcome, settlement)), job.attempt, job.crashes,
      to_string(outcome.kind), outcome.reason, outcome.message, to_string(settlement.kind),
      settlement.delay.count(), settlement.next_attempt, settlement.reason,
      job.owned ? "owned" : "held",  // a claim whose sync failed is none
      outcome.log_file, rows::artifacts_to_json(outcome.artifacts), now(), row,
      outcome.given.result);
}

Result<void> SqliteJournal::write_copy_lost(const AwaitedCopy& copy, const Report& verdict,
                                            bool& lost) {
  lost = false;
  const auto row = row_of(copy.key);
  if (!row) return row.error();
  if (!*row) return {};
  const auto written = database_.run(
      "UPDATE job SET state = 'failed', reason = ?, message = ?, touched = ? "
      "WHERE id = ? AND state = 'blocked' AND claim = 'settled' AND attempt = ?",
      verdict.reason, verdict.message, now(), (*row)->id, copy.attempt);
  if (!written) return written;
  if (database_.changes() == 0) return {};  // it came meanwhile
  lost = true;
  return reports_.add((*row)->id, verdict, nullptr);
}

}  // namespace rbit
