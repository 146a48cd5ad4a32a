#include "rbit/journal/sqlite_journal.h"

#include <fstream>
#include <utility>

#include "rbit/base/random.h"
#include "rbit/core/message_codec.h"
#include "rbit/journal/rows.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

/// Names one life of rbit: an open attempt of another one has nobody left who could end it.
std::string new_life() {
  return std::to_string(random_number());
}

/// Tells whether the machine was started anew since, so that old process ids mean nothing.
std::string boot_id() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id;
}

JobRecord::State state_after(const Outcome& outcome, const Settlement& settlement) {
  switch (settlement.kind) {
    case Settlement::Kind::retry:
      return JobRecord::State::blocked;
    case Settlement::Kind::requeue:
      return JobRecord::State::waiting;
    case Settlement::Kind::dead_letter:
      return JobRecord::State::failed;
    case Settlement::Kind::accept:
      break;
  }
  if (outcome.kind == Outcome::Kind::cancelled) return JobRecord::State::cancelled;
  return outcome.kind == Outcome::Kind::done ? JobRecord::State::done : JobRecord::State::failed;
}

}  // namespace

SqliteJournal::SqliteJournal(Database& database, Clock& clock, std::vector<std::string> targets,
                             std::string worker, JournalLimits limits)
    : database_(database),
      clock_(clock),
      reports_(database, std::move(targets), limits.waiting_reports),
      owned_(database),
      brokers_(database),
      worker_(std::move(worker)),
      life_(new_life()),
      boot_(boot_id()),
      deaths_(database, life_),
      limits_(limits),
      pruning_(database, clock, reports_, brokers_, limits, life_) {}

// ---- Reading

std::optional<JobRecord> SqliteJournal::find(const std::string& key) const {
  static const std::string sql =
      "SELECT " + std::string(rows::job_columns) + " FROM job WHERE key = ?";
  auto row = database_.prepare(sql);
  const auto found = row.bind(key).step();
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
      "p.body, a.record_dir, j.claim, j.digest FROM attempt a JOIN job j ON j.id = a.job "
      "JOIN payload p ON p.job = a.job WHERE a.ended = 0 AND a.life <> ? ORDER BY a.id");
  row.bind(life_);
  for (;;) {
    const auto found = row.step();
    if (!found) return found.error();
    if (!*found) return open;
    OpenAttempt one;
    one.job.key = row.text(0);
    one.job.queue = row.text(1);
    one.job.runner = row.text(2);
    one.job.attempt = static_cast<int>(row.integer(3));
    one.job.crashes = static_cast<int>(row.integer(4));
    one.job.redelivered = row.integer(5) != 0;
    one.job.timestamp = row.integer(6);
    one.job.request = request_from_json(row.text(7));
    one.job.body = row.blob(8);
    one.record_dir = row.text(9);
    one.job.owned = row.text(10) == "owned";
    one.job.digest = row.text(11);
    open.push_back(std::move(one));
  }
}

std::vector<std::string> SqliteJournal::owned_jobs() const {
  return owned_.keys();
}

Result<std::optional<OwnedJob>> SqliteJournal::owned_job(const std::string& key) const {
  return owned_.find(key);
}

std::optional<milliseconds> SqliteJournal::ack_limit(const std::string& broker) const {
  return brokers_.ack_limit(broker, before(limits_.brokers));
}

int SqliteJournal::recent_deaths(const std::string& key) const {
  return deaths_.during(key, before(limits_.deaths));
}

std::vector<Report> SqliteJournal::due_reports(const std::string& target, std::int64_t now,
                                               int limit) const {
  return reports_.due(target, now, limit);
}

std::optional<std::int64_t> SqliteJournal::next_report(const std::string& target) const {
  return reports_.next_due(target);
}

// ---- Writing. Arguments live until the task ends; the changes run meanwhile.

Task<Result<void>> SqliteJournal::write(Durability durability, Change change, Reserve reserve) {
  std::int64_t waiting = 0;
  Database::Change counted = [&](Database&) {
    waiting = 0;  // it may be run again
    return change(waiting);
  };
  auto result = co_await database_.write(durability, std::move(counted), reserve);
  if (result) reports_.count(waiting);
  co_return result;
}

Task<Result<int>> SqliteJournal::came_again(const std::string& key) {
  if (unread_) co_return Error{database_.path(), "it could not be read a moment ago", ""};
  int deaths = 0;
  Change change = [&](std::int64_t&) -> Result<void> {
    const auto counted = deaths_.reads(key, now(), before(limits_.deaths));
    if (!counted) return counted.error();
    deaths = *counted;
    return {};
  };
  const auto written = co_await write(Durability::process, std::move(change));
  if (!written) co_return written.error();
  co_return deaths;
}

void SqliteJournal::was_read(const std::string& key) {
  Database::Change change = [key](Database& in) { return DeathTable::was_read(in, key); };
  database_.post(Durability::process, std::move(change));
}

Task<Result<void>> SqliteJournal::begin(const Job& job, const Message& message,
                                        const std::string& record_dir, Report building) {
  if (unread_) co_return Error{database_.path(), "it could not be read a moment ago", ""};
  // Taken now: while this waits another delivery of the same job may move the messages about.
  const std::string properties = properties_to_json(message);
  const bool redelivered = message.redelivered;
  Change change = [&](std::int64_t& waiting) {
    return write_begin(job, properties, redelivered, record_dir, building, waiting);
  };
  // The broker still has the message: after a power cut it comes again.
  co_return co_await write(Durability::process, std::move(change));
}

Task<Result<void>> SqliteJournal::report(const Job& job, Report status) {
  Change change = [&](std::int64_t& waiting) -> Result<void> {
    const auto row = row_of(job.key);
    if (!row) return row.error();
    if (!*row) return Error{"job " + job.key, "was not begun, so nothing is reported of it", ""};
    return reports_.add((*row)->id, status, waiting);
  };
  co_return co_await write(Durability::process, std::move(change));
}

Task<Result<void>> SqliteJournal::finish(const Job& job, const Outcome& outcome,
                                         const Settlement& settlement,
                                         std::optional<Report> verdict) {
  Change change = [&](std::int64_t& waiting) {
    return write_finish(job, outcome, settlement, verdict, waiting);
  };
  co_return co_await write(Durability::power, std::move(change), Reserve::use);
}

Task<Result<void>> SqliteJournal::own(const std::string& key) {
  Change change = [&](std::int64_t&) { return owned_.own(key, now()); };
  co_return co_await write(Durability::power, std::move(change));
}

Task<Result<void>> SqliteJournal::keep_waiting(const Job& job, const Message& message) {
  if (unread_) co_return Error{database_.path(), "it could not be read a moment ago", ""};
  const std::string properties = properties_to_json(message);  // taken now, as in `begin`
  const bool redelivered = message.redelivered;
  Change change = [&](std::int64_t&) { return write_waiting(job, properties, redelivered); };
  co_return co_await write(Durability::power, std::move(change));
}

Task<Result<void>> SqliteJournal::keep_dead(const Message& message, const Settlement& settlement) {
  Change change = [&](std::int64_t&) { return owned_.keep_dead(message, settlement, now()); };
  co_return co_await write(Durability::power, std::move(change));
}

Task<Result<void>> SqliteJournal::remember_ack_limit(const std::string& broker,
                                                     milliseconds limit) {
  Change change = [&](std::int64_t&) { return brokers_.remember_ack_limit(broker, limit, now()); };
  co_return co_await write(Durability::process, std::move(change));
}

Task<Result<void>> SqliteJournal::settled(const std::string& key) {
  Change change = [&](std::int64_t&) -> Result<void> {
    auto payload = database_.prepare(
        "DELETE FROM payload WHERE job = (SELECT id FROM job WHERE key = ? AND state <> "
        "'running')");
    if (const auto gone = payload.bind(key).run(); !gone) return gone;
    auto row = database_.prepare(
        "UPDATE job SET settled = 1, claim = 'settled', touched = ?, state = CASE settlement WHEN "
        "'requeue' THEN 'moved' ELSE state END WHERE key = ? AND state <> 'running'");
    return row.bind(now()).bind(key).run();
  };
  co_return co_await write(Durability::process, std::move(change));
}

Task<Result<void>> SqliteJournal::joined(const std::string& key) {
  Change change = [&](std::int64_t&) -> Result<void> {
    const auto row = row_of(key);
    if (!row) return row.error();
    if (!*row) return {};
    return note_delivery((*row)->id, "joined");
  };
  co_return co_await write(Durability::process, std::move(change));
}

Task<Result<void>> SqliteJournal::report_again(const std::string& key, bool tell) {
  Change change = [&](std::int64_t& waiting) -> Result<void> {
    const auto row = row_of(key);
    if (!row) return row.error();
    if (!*row) return {};
    const auto noted = note_delivery((*row)->id, "answered");
    if (!noted || !tell) return noted;
    return reports_.add_again((*row)->id, now(), waiting);
  };
  co_return co_await write(Durability::process, std::move(change));
}

Task<Result<void>> SqliteJournal::probe() {
  Change change = [&](std::int64_t&) -> Result<void> {
    auto put = database_.prepare("INSERT OR REPLACE INTO tombstone(job_id, time) VALUES('', ?)");
    if (const auto done = put.bind(now()).run(); !done) return done;
    return database_.prepare("DELETE FROM tombstone WHERE job_id = ''").run();
  };
  auto written = co_await write(Durability::power, std::move(change));
  if (written) unread_ = false;
  co_return written;
}

Task<Result<void>> SqliteJournal::report_sent(const Report& report) {
  Change change = [&](std::int64_t& waiting) { return reports_.sent(report.id, waiting); };
  co_return co_await write(Durability::process, std::move(change));
}

Task<Result<void>> SqliteJournal::report_postponed(const Report& report, std::int64_t next) {
  Change change = [&](std::int64_t&) { return reports_.postponed(report.id, next); };
  co_return co_await write(Durability::process, std::move(change));
}

Task<Result<void>> SqliteJournal::report_dropped(const Report& report, const std::string& reason) {
  Change change = [&](std::int64_t& waiting) {
    return reports_.dropped(report.id, reason, waiting);
  };
  co_return co_await write(Durability::process, std::move(change));
}

Task<Result<void>> SqliteJournal::prune() {
  Change change = [&](std::int64_t& waiting) { return pruning_.step(waiting); };
  co_return co_await write(Durability::process, std::move(change));
}

// ---- The changes

Result<std::optional<SqliteJournal::Row>> SqliteJournal::row_of(const std::string& key) const {
  auto row = database_.prepare("SELECT id, state, attempt, outcome FROM job WHERE key = ?");
  const auto found = row.bind(key).step();
  if (!found) return found.error();
  if (!*found) return std::optional<Row>();
  return std::optional<Row>(Row{row.integer(0), rows::state_from(row.text(1)),
                                static_cast<int>(row.integer(2)), row.text(3)});
}

/// The job's row, in this state: a new one, or the one there was, in a new run if that was over.
Result<std::int64_t> SqliteJournal::accept(const Job& job, const std::optional<Row>& row,
                                           JobRecord::State state) {
  const std::int64_t time = now();
  if (row && rows::is_over(row->state)) {
    if (const auto kept = owned_.set_dead_aside(row->id); !kept) return kept.error();
    auto fresh = database_.prepare(
        "UPDATE job SET run = run + 1, begun = ?, outcome = '', reason = '', message = '', "
        "reported = 0, reported_status = '', reported_final = 0, log_file = '', artifacts = '' "
        "WHERE id = ?");
    if (const auto done = fresh.bind(time).bind(row->id).run(); !done) return done.error();
  }
  auto write = database_.prepare(
      row ? "UPDATE job SET queue = ?, runner = ?, job_id = ?, package = ?, version = ?, "
            "digest = ?, web_host = ?, attempt = ?, crashes = ?, touched = ?, claim = ?, "
            "state = ?, settlement = '', settled = 0, ended = 0 WHERE id = ?"
          : "INSERT INTO job(queue, runner, job_id, package, version, digest, web_host, attempt, "
            "crashes, touched, claim, state, begun, key) "
            "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  write.bind(job.queue)
      .bind(job.runner)
      .bind(job.request.job_id)
      .bind(job.request.package)
      .bind(job.request.version)
      .bind(job.digest)
      .bind(job.request.web_host)
      .bind(job.attempt)
      .bind(job.crashes)
      .bind(time)
      .bind(job.owned ? "owned" : "held")
      .bind(to_string(state));
  const auto written = row ? write.bind(row->id).run() : write.bind(time).bind(job.key).run();
  if (!written) return written.error();
  return row ? row->id : database_.last_insert_id();
}

Result<void> SqliteJournal::write_begin(const Job& job, const std::string& properties,
                                        bool redelivered, const std::string& record_dir,
                                        const Report& building, std::int64_t& waiting) {
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
  if (const auto begun = insert_attempt(*row, job, redelivered, record_dir); !begun) return begun;
  return reports_.add(*row, building, waiting);
}

/// A job that is accepted and waits for a slot.
Result<void> SqliteJournal::write_waiting(const Job& job, const std::string& properties,
                                          bool redelivered) {
  const auto known = row_of(job.key);
  if (!known) return known.error();
  const auto row = accept(job, *known, JobRecord::State::waiting);
  if (!row) return row.error();
  return write_payload(*row, job, properties, redelivered);
}

Result<void> SqliteJournal::write_payload(std::int64_t row, const Job& job,
                                          const std::string& properties, bool redelivered) {
  auto payload = database_.prepare(
      "INSERT OR REPLACE INTO payload(job, request, properties, redelivered, timestamp, body) "
      "VALUES(?, ?, ?, ?, ?, ?)");
  const std::string request = request_to_json(job.request);
  return payload.bind(row)
      .bind(request)
      .bind(properties)
      .bind(redelivered ? 1 : 0)
      .bind(job.timestamp)
      .bind_blob(job.may_be_owned || job.owned ? job.body.bytes() : std::string_view())
      .run();
}

Result<void> SqliteJournal::insert_attempt(std::int64_t row, const Job& job, bool redelivered,
                                           const std::string& record_dir) {
  auto attempt = database_.prepare(
      "INSERT INTO attempt(job, run, n, life, boot, worker, record_dir, begun, redelivered) "
      "VALUES(?, (SELECT run FROM job WHERE id = ?), ?, ?, ?, ?, ?, ?, ?)");
  return attempt.bind(row)
      .bind(row)
      .bind(job.attempt)
      .bind(life_)
      .bind(boot_)
      .bind(worker_)
      .bind(record_dir)
      .bind(now())
      .bind(redelivered ? 1 : 0)
      .run();
}

/// One that began no attempt. At most 100 a job are of use to anybody; a broker may send more.
Result<void> SqliteJournal::note_delivery(std::int64_t row, const char* what) {
  auto delivery = database_.prepare(
      "INSERT INTO delivery(job, run, attempt, time, what) SELECT id, run, attempt, ?1, ?2 FROM "
      "job "
      "WHERE id = ?3 AND (SELECT count(*) FROM delivery WHERE job = ?3) < 100");
  return delivery.bind(now()).bind(what).bind(row).run();
}

Result<void> SqliteJournal::close_attempts(std::int64_t row, const Outcome& outcome) {
  auto attempt = database_.prepare(
      "UPDATE attempt SET ended = ?, outcome = ?, reason = ?, message = ?, log_file = ?, exit = ?, "
      "wall = ?, cpu = ?, memory = ?, output = ? WHERE job = ? AND ended = 0");
  return attempt.bind(now())
      .bind(to_string(outcome.kind))
      .bind(outcome.reason)
      .bind(outcome.message)
      .bind(outcome.log_file)
      .bind(outcome.exit)
      .bind(outcome.wall_micros)
      .bind(outcome.cpu_micros)
      .bind(outcome.peak_memory_kib)
      .bind(outcome.output_bytes)
      .bind(row)
      .run();
}

Result<void> SqliteJournal::write_finish(const Job& job, const Outcome& outcome,
                                         const Settlement& settlement,
                                         const std::optional<Report>& verdict,
                                         std::int64_t& waiting) {
  const auto known = row_of(job.key);
  if (!known) return known.error();
  std::int64_t row = 0;
  if (*known) row = (*known)->id;
  // A job that ends without a begin (cancelled before it) has its row from here; the same verdict
  // once more (its first answer did not arrive) finds its own.
  const bool repeated =
      *known && (*known)->attempt == job.attempt && (*known)->outcome == to_string(outcome.kind);
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
    if (const auto told = reports_.add(row, *verdict, waiting); !told) return told;
  const auto state = state_after(outcome, settlement);
  if (state == JobRecord::State::done || state == JobRecord::State::failed) {
    auto late = database_.prepare("DELETE FROM tombstone WHERE job_id = ?");  // it came too late
    if (const auto gone = late.bind(job.request.job_id).run(); !gone) return gone;
  }

  constexpr int finishes_a_step = 64;  // each step removes up to 200 jobs, so it always keeps up
  if (++finishes_ % finishes_a_step != 0) return {};
  return pruning_.step(waiting);
}

Result<void> SqliteJournal::write_verdict(std::int64_t row, const Job& job, const Outcome& outcome,
                                          const Settlement& settlement) {
  const std::string artifacts = rows::artifacts_to_json(outcome.artifacts);
  const std::int64_t time = now();
  auto verdict = database_.prepare(
      "UPDATE job SET state = ?, attempt = ?, crashes = ?, outcome = ?, reason = ?, message = ?, "
      "settlement = "
      "?, settlement_delay = ?, settlement_attempt = ?, settlement_reason = ?, settled = 0, "
      "claim = ?, "
      "log_file = ?, artifacts = ?, ended = ?, touched = ? WHERE id = ?");
  return verdict.bind(to_string(state_after(outcome, settlement)))
      .bind(job.attempt)
      .bind(job.crashes)
      .bind(to_string(outcome.kind))
      .bind(outcome.reason)
      .bind(outcome.message)
      .bind(to_string(settlement.kind))
      .bind(settlement.delay.count())
      .bind(settlement.next_attempt)
      .bind(settlement.reason)
      .bind(job.owned ? "owned" : "held")  // a claim whose sync failed is none
      .bind(outcome.log_file)
      .bind(artifacts)
      .bind(time)
      .bind(time)
      .bind(row)
      .run();
}

}  // namespace rbit
