// Of rbit/journal/sqlite_journal.h: what its writes do within a transaction.
#include <utility>

#include "rbit/core/job_name.h"
#include "rbit/core/message_codec.h"
#include "rbit/journal/rows.h"
#include "rbit/journal/sqlite_journal.h"

namespace rbit {

Result<std::optional<SqliteJournal::Row>> SqliteJournal::row_of(const std::string& key) const {
  const auto id = index_.find(key);
  if (!id) return id.error();
  if (!*id) return std::optional<Row>();
  auto row = database_.prepare(
      "SELECT state, attempt, outcome, attempt_ended > 0, life FROM job WHERE id = ?", **id);
  const auto found = row.step();
  if (!found) return found.error();
  if (!*found) return std::optional<Row>();
  Row known;
  std::string state;
  row.read(0, state, known.attempt, known.outcome, known.attempt_ended, known.life);
  known.id = **id;
  known.state = rows::state_from(state);
  return std::optional<Row>(std::move(known));
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
                                           JobRecord::State state, const NewAttempt* attempt) {
  const std::int64_t time = now();
  std::int64_t id = 0, its_life = 0;
  if (attempt != nullptr) {
    const auto ours = life();
    if (!ours) return ours.error();
    its_life = *ours;
  }
  if (row) {
    const auto lifted = index_.lift(row->id);
    if (!lifted) return lifted.error();
    id = *lifted;
    if (const auto away = put_attempt_away(id); !away) return away.error();
  }
  if (row && rows::is_over(row->state)) {
    if (const auto kept = owned_.set_dead_aside(id); !kept) return kept.error();
    const auto fresh = database_.run(
        "UPDATE job SET run = run + 1, begun = ?, outcome = '', reason = '', message = '', "
        "reported = 0, reported_status = '', reported_final = 0, log_file = '', artifacts = '', "
        "result = '' "
        "WHERE id = ?",
        time, id);
    if (!fresh) return fresh.error();
  }
  auto write = database_.prepare(
      row ? "UPDATE job SET queue = ?, runner = ?, job_id = ?, package = ?, version = ?, "
            "digest = ?, web_host = ?, attempt = ?, crashes = ?, touched = ?, claim = ?, "
            "state = ?, attempt_begun = ?, life = ?, record_dir = ?, redelivered = ?, "
            "settlement = '', ended = 0 WHERE id = ?"
          : "INSERT INTO job(queue, runner, job_id, package, version, digest, web_host, attempt, "
            "crashes, touched, claim, state, attempt_begun, life, record_dir, redelivered, begun, "
            "key) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      job.queue, job.runner, job.request.job_id, job.request.package, job.request.version,
      job.digest, job.request.web_host, job.attempt, job.crashes, time,
      job.owned ? "owned" : "held", to_string(state), attempt != nullptr ? time : 0, its_life,
      attempt != nullptr ? std::string_view(attempt->record_dir) : std::string_view(),
      attempt != nullptr && attempt->redelivered);
  const auto written = row ? write.bind(id).run() : write.bind(time, job.key).run();
  if (!written) return written.error();
  if (!row) id = database_.last_insert_id();
  if (const auto known = index_.put(id, job.key, job.request.job_id, job.digest); !known)
    return known.error();
  return id;
}

/// The row of this life of rbit, which its attempts name.
Result<std::int64_t> SqliteJournal::life() {
  if (life_row_ != 0) return life_row_;
  const auto written =
      database_.run("INSERT INTO life(name, boot, worker) VALUES(?, ?, ?)", life_, boot_, worker_);
  if (!written) return written.error();
  life_row_ = database_.last_insert_id();
  return life_row_;
}

Result<void> SqliteJournal::write_begin(const Job& job, const std::string& properties,
                                        bool redelivered, const std::string& record_dir,
                                        const Report& building) {
  const auto known = row_of(job.key);
  if (!known) return known.error();
  const NewAttempt attempt{record_dir, redelivered};
  const auto row = accept(job, *known, JobRecord::State::running, &attempt);
  if (!row) return row.error();
  // Else the broker has it: the message is kept once it has not any more (A').
  const bool has_body = job.owned || reports_.carry_messages();
  if (has_body || !job.head.reply_to.empty())
    if (const auto kept = write_payload(*row, job, properties, redelivered, has_body); !kept)
      return kept;
  return reports_.add(*row, building, &job);
}

Result<void> SqliteJournal::write_payload(std::int64_t row, const Job& job,
                                          const std::string& properties, bool redelivered,
                                          bool has_body) {
  return database_.run(
      "INSERT OR REPLACE INTO payload(job, request, properties, redelivered, timestamp, body) "
      "VALUES(?, ?, ?, ?, ?, ?)",
      row, request_to_json(job), properties, redelivered, job.timestamp,
      Blob{has_body ? job.body.bytes() : std::string_view()});
}

/// The present attempt becomes a row of its own, for the job is about to have another or an end
/// without one. One that is still open has no end but this: its rbit died.
Result<void> SqliteJournal::put_attempt_away(std::int64_t row) {
  const auto copied = database_.run(
      "INSERT INTO attempt(job, run, n, life, boot, worker, record_dir, begun, ended, outcome, "
      "reason, message, log_file, redelivered, exit, wall, cpu, memory, output) "
      "SELECT j.id, run, attempt, coalesce(l.name, ''), coalesce(l.boot, ''), "
      "coalesce(l.worker, ''), record_dir, attempt_begun, iif(attempt_ended > 0, attempt_ended, "
      "?2), iif(attempt_ended > 0, outcome, 'crashed'), iif(attempt_ended > 0, reason, "
      "'interrupted'), iif(attempt_ended > 0, message, ''), iif(attempt_ended > 0, log_file, ''), "
      "redelivered, exit, wall, cpu, memory, output FROM job j LEFT JOIN life l ON l.id = j.life "
      "WHERE j.id = ?1 AND attempt_begun > 0",
      row, now());
  if (!copied || database_.changes() == 0) return copied;
  return database_.run(
      "UPDATE job SET attempt_begun = 0, attempt_ended = 0, life = 0, record_dir = '', "
      "redelivered = 0, exit = '', wall = 0, cpu = 0, memory = 0, output = 0 WHERE id = ?",
      row);
}

/// One that began no attempt. At most 100 a job are of use to anybody; a broker may send more.
Result<void> SqliteJournal::note_delivery(const std::string& key, const char* what) {
  const auto id = index_.find(key);
  if (!id) return id.error();
  if (!*id) return {};
  return database_.run(
      "INSERT INTO delivery(job, run, attempt, time, what) SELECT id, run, attempt, ?, ? FROM job "
      "WHERE id = ? AND (SELECT count(*) FROM delivery WHERE job = job.id) < 100",
      now(), what, **id);
}

Result<void> SqliteJournal::write_finish(const Job& job, const Outcome& outcome,
                                         const Settlement& settlement,
                                         const std::optional<Report>& verdict,
                                         const std::vector<Publication>& publications,
                                         std::int64_t& told_early) {
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
  } else {
    const auto lifted = index_.lift(row);
    if (!lifted) return lifted.error();
    row = *lifted;
    if ((*known)->attempt_ended && !repeated)  // this one ends before it has begun
      if (const auto away = put_attempt_away(row); !away) return away;
  }
  // Its dead letter may still wait here: another answer does not undo it.
  if (*known && repeated && settlement.kind != Settlement::Kind::dead_letter)
    if (const auto kept = owned_.set_dead_aside(row); !kept) return kept;
  if (const auto written = write_verdict(row, job, outcome, settlement); !written) return written;
  if (verdict)
    if (const auto told = reports_.add(row, *verdict, &job); !told) return told;
  if (verdict && repeated) reports_.tell_again(*verdict);
  const bool is_of_earlier_life = *known && (*known)->life != 0 && (*known)->life != life_row_;
  if (verdict && is_of_earlier_life) told_early = row;
  if (!repeated)  // else they are on record
    for (const Publication& publication : publications)
      if (const auto sent = write_publication(row, job, publication); !sent) return sent;
  const auto state = rows::state_after(outcome, settlement);
  if (state == JobRecord::State::done || state == JobRecord::State::failed) {
    const auto late = cancels_.forget(job.request.job_id);  // it came too late
    if (!late) return late;
  }
  if (rows::is_over(state))  // a message that has this key later is another one
    if (const auto heeded = cancels_.forget(cancel_of(job.key)); !heeded) return heeded;

  if (const auto tidied = index_.tidy(); !tidied) return tidied;
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
      "touched = ?14, result = ?16, attempt_ended = iif(attempt_begun = 0 OR attempt_ended > 0, "
      "attempt_ended, ?14), exit = ?17, wall = ?18, cpu = ?19, memory = ?20, output = ?21 "
      "WHERE id = ?15",
      to_string(rows::state_after(outcome, settlement)), job.attempt, job.crashes,
      to_string(outcome.kind), outcome.reason, outcome.message, to_string(settlement.kind),
      settlement.delay.count(), settlement.next_attempt, settlement.reason,
      job.owned ? "owned" : "held",  // a claim whose sync failed is none
      outcome.log_file, rows::artifacts_to_json(outcome.artifacts), now(), row,
      outcome.given.result, outcome.exit, outcome.wall_micros, outcome.cpu_micros,
      outcome.peak_memory_kib, outcome.output_bytes);
}

Result<void> SqliteJournal::write_copy_lost(const AwaitedCopy& copy, const Report& verdict,
                                            bool& lost) {
  lost = false;
  const auto row = row_of(copy.key);
  if (!row) return row.error();
  if (!*row) return {};
  if ((*row)->state != JobRecord::State::blocked || (*row)->attempt != copy.attempt) return {};
  if (const auto away = put_attempt_away((*row)->id); !away) return away;
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
