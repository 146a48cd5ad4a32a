#include "rbit/journal/schema.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <string>

namespace rbit::schema {

namespace {

/// What leads from version N to N + 1 stands at place N. A step that was released is never changed.
constexpr std::array<const char*, 10> steps{R"sql(
-- One row a key. Times are microseconds since 1970, 0 is "not yet".
CREATE TABLE job(
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  queue TEXT NOT NULL,
  runner TEXT NOT NULL,
  job_id TEXT NOT NULL,              -- PyBit's
  package TEXT NOT NULL,
  version TEXT NOT NULL,
  digest TEXT NOT NULL,              -- of queue and body: an id may be given twice
  web_host TEXT NOT NULL,
  run INTEGER NOT NULL DEFAULT 1,    -- the same key asked for again after its end: the next run
  state TEXT NOT NULL,               -- waiting running blocked done failed cancelled moved dead
  claim TEXT NOT NULL,               -- held: the broker owns the message; owned: we do; settled
  attempt INTEGER NOT NULL DEFAULT 0,
  crashes INTEGER NOT NULL DEFAULT 0,
  outcome TEXT NOT NULL DEFAULT '',
  reason TEXT NOT NULL DEFAULT '',
  message TEXT NOT NULL DEFAULT '',
  settlement TEXT NOT NULL DEFAULT '',         -- wanted: accept retry dead-letter requeue
  settlement_delay INTEGER NOT NULL DEFAULT 0, -- milliseconds
  settlement_attempt INTEGER NOT NULL DEFAULT 0,
  settlement_reason TEXT NOT NULL DEFAULT '',
  settled INTEGER NOT NULL DEFAULT 0,          -- and reached
  seq INTEGER NOT NULL DEFAULT 0,              -- of the last report
  reported INTEGER NOT NULL DEFAULT 0,         -- the attempt of the last report; 0: none in this run
  reported_status TEXT NOT NULL DEFAULT '',
  reported_reason TEXT NOT NULL DEFAULT '',
  reported_message TEXT NOT NULL DEFAULT '',
  reported_final INTEGER NOT NULL DEFAULT 0,   -- nothing more is reported of this run
  log_file TEXT NOT NULL DEFAULT '',
  artifacts TEXT NOT NULL DEFAULT '',          -- JSON: [[path, kind], ...]
  begun INTEGER NOT NULL,
  ended INTEGER NOT NULL DEFAULT 0,
  touched INTEGER NOT NULL);
CREATE INDEX job_touched ON job(touched);

-- What a job needs to be run or its message to be copied; gone once it is settled.
CREATE TABLE payload(
  job INTEGER PRIMARY KEY,
  request TEXT NOT NULL,             -- JSON
  properties TEXT NOT NULL,          -- JSON
  redelivered INTEGER NOT NULL,
  timestamp INTEGER NOT NULL,        -- seconds since 1970
  body BLOB NOT NULL);

CREATE TABLE attempt(
  id INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  run INTEGER NOT NULL,
  n INTEGER NOT NULL,
  life TEXT NOT NULL,                -- of the rbit that began it
  boot TEXT NOT NULL,                -- the machine's boot id then
  worker TEXT NOT NULL,
  record_dir TEXT NOT NULL,
  begun INTEGER NOT NULL,
  ended INTEGER NOT NULL DEFAULT 0,
  outcome TEXT NOT NULL DEFAULT '',
  reason TEXT NOT NULL DEFAULT '',
  message TEXT NOT NULL DEFAULT '',
  log_file TEXT NOT NULL DEFAULT '');
CREATE INDEX attempt_job ON attempt(job);
CREATE INDEX attempt_open ON attempt(job) WHERE ended = 0;

-- One row a report and target. `due` is set for the oldest waiting row of its job and target only:
-- the others stand behind it, so that a job's reports stay in order.
CREATE TABLE outbox(
  id INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  target TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  status TEXT NOT NULL,
  reason TEXT NOT NULL,
  message TEXT NOT NULL,
  final INTEGER NOT NULL,
  time INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'waiting',  -- waiting sent dropped
  due INTEGER,
  tries INTEGER NOT NULL DEFAULT 0,
  note TEXT NOT NULL DEFAULT '');         -- why it was dropped
CREATE INDEX outbox_due ON outbox(target, due) WHERE due IS NOT NULL;
CREATE INDEX outbox_waiting ON outbox(final, id) WHERE state = 'waiting';
CREATE INDEX outbox_job ON outbox(job);

-- Cancels of jobs that were not seen yet, by PyBit's job id.
CREATE TABLE tombstone(
  job_id TEXT PRIMARY KEY,
  time INTEGER NOT NULL) WITHOUT ROWID;

-- The embedded queue (intake/local_transport). A message waits at its `place`, which only rises; one
-- that is to be tried later has a `due` time and gets its place when that has come.
CREATE TABLE message(
  id INTEGER PRIMARY KEY,
  queue TEXT NOT NULL,
  place INTEGER NOT NULL,
  due INTEGER NOT NULL DEFAULT 0,
  first INTEGER NOT NULL,            -- when it was submitted
  properties TEXT NOT NULL,          -- JSON
  body BLOB NOT NULL);
CREATE INDEX message_place ON message(queue, place) WHERE due = 0;
CREATE INDEX message_due ON message(due) WHERE due > 0;

-- How far a queue was delivered: what stands at or before `place` was delivered before.
CREATE TABLE message_cursor(
  queue TEXT PRIMARY KEY,
  place INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE dead(
  id INTEGER PRIMARY KEY,
  queue TEXT NOT NULL,
  reason TEXT NOT NULL,
  time INTEGER NOT NULL,
  properties TEXT NOT NULL,          -- JSON; the headers have x-rbit-reason, -queue, -first
  body BLOB NOT NULL);
)sql",
                                            R"sql(
CREATE INDEX job_owned ON job(id) WHERE claim = 'owned';

-- How long a broker lets messages be out, by its address and version.
CREATE TABLE broker(
  name TEXT PRIMARY KEY,
  ack_limit INTEGER NOT NULL,        -- milliseconds
  time INTEGER NOT NULL) WITHOUT ROWID;
)sql",
                                            R"sql(
-- What an attempt was begun by, and what it used: microseconds, KiB of its largest process, bytes.
ALTER TABLE attempt ADD COLUMN redelivered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN exit TEXT NOT NULL DEFAULT '';  -- of its process: exit 3, signal TERM
ALTER TABLE attempt ADD COLUMN wall INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN cpu INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN memory INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN output INTEGER NOT NULL DEFAULT 0;

-- Deliveries that began no attempt: of a job that was running, or that had its answer already.
CREATE TABLE delivery(
  id INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  run INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  time INTEGER NOT NULL,
  what TEXT NOT NULL);               -- joined answered
CREATE INDEX delivery_job ON delivery(job);
)sql",
                                            R"sql(
-- Redelivered messages that are being read; of one that stays here that life of rbit died.
CREATE TABLE reading(
  key TEXT NOT NULL,
  life TEXT NOT NULL,
  time INTEGER NOT NULL,
  PRIMARY KEY(key, life)) WITHOUT ROWID;
)sql",
                                            R"sql(
-- A front-end knows a job by its id alone, and may cancel many at once.
CREATE INDEX job_job_id ON job(job_id);
)sql",
                                            R"sql(
-- Copies that wait at the broker, which are looked after.
CREATE INDEX job_blocked ON job(id) WHERE state = 'blocked';
)sql",
                                            R"sql(
-- Whether a job's settlement is reached says `claim` alone. Where an early rbit let the two differ
-- `settled` was believed.
UPDATE job SET claim = 'held' WHERE settled = 0 AND claim = 'settled';
UPDATE job SET claim = 'settled' WHERE settled = 1 AND claim <> 'settled';
ALTER TABLE job DROP COLUMN settled;
)sql",
                                            R"sql(
-- What a job gave, as JSON, and the messages that rows of some targets carry: the one that is sent,
-- or the one that asked for the job. Who waits for it, `due` 0 and behind no other row of its job,
-- is `apart`: a publication that is delayed.
ALTER TABLE job ADD COLUMN result TEXT NOT NULL DEFAULT '';
ALTER TABLE job ADD COLUMN reported_seq INTEGER NOT NULL DEFAULT 0;  -- of the last report
UPDATE job SET reported_seq = seq;  -- from here on `seq` counts what jobs publish, too
ALTER TABLE outbox ADD COLUMN request TEXT NOT NULL DEFAULT '';     -- JSON
ALTER TABLE outbox ADD COLUMN properties TEXT NOT NULL DEFAULT '';  -- JSON
ALTER TABLE outbox ADD COLUMN body BLOB NOT NULL DEFAULT x'';
ALTER TABLE outbox ADD COLUMN apart INTEGER NOT NULL DEFAULT 0;

-- Equal messages without an id are told from each other.
CREATE INDEX job_held ON job(digest) WHERE claim = 'held';
)sql",
                                            R"sql(
-- A job is one row, with its present attempt: what went before that is in `attempt`. It has no
-- index but for what is rare; which row a name stands for says journal/job_index.h.
CREATE TABLE life(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,                -- of an rbit, from its start to its end
  boot TEXT NOT NULL,                -- the machine's boot id then
  worker TEXT NOT NULL);
INSERT INTO life(name, boot, worker) SELECT DISTINCT life, boot, worker FROM attempt;

DROP INDEX attempt_open;
DROP INDEX job_touched;
DROP INDEX job_job_id;
DROP INDEX job_held;
DROP INDEX job_owned;
DROP INDEX job_blocked;
ALTER TABLE job RENAME TO old_job;
CREATE TABLE job(
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  queue TEXT NOT NULL,
  runner TEXT NOT NULL,
  job_id TEXT NOT NULL,
  package TEXT NOT NULL,
  version TEXT NOT NULL,
  digest TEXT NOT NULL,
  web_host TEXT NOT NULL,
  run INTEGER NOT NULL DEFAULT 1,
  state TEXT NOT NULL,
  claim TEXT NOT NULL,
  attempt INTEGER NOT NULL DEFAULT 0,
  crashes INTEGER NOT NULL DEFAULT 0,
  outcome TEXT NOT NULL DEFAULT '',
  reason TEXT NOT NULL DEFAULT '',
  message TEXT NOT NULL DEFAULT '',
  settlement TEXT NOT NULL DEFAULT '',
  settlement_delay INTEGER NOT NULL DEFAULT 0,
  settlement_attempt INTEGER NOT NULL DEFAULT 0,
  settlement_reason TEXT NOT NULL DEFAULT '',
  seq INTEGER NOT NULL DEFAULT 0,
  reported INTEGER NOT NULL DEFAULT 0,
  reported_status TEXT NOT NULL DEFAULT '',
  reported_reason TEXT NOT NULL DEFAULT '',
  reported_message TEXT NOT NULL DEFAULT '',
  reported_final INTEGER NOT NULL DEFAULT 0,
  reported_seq INTEGER NOT NULL DEFAULT 0,
  log_file TEXT NOT NULL DEFAULT '',
  artifacts TEXT NOT NULL DEFAULT '',
  result TEXT NOT NULL DEFAULT '',
  begun INTEGER NOT NULL,
  ended INTEGER NOT NULL DEFAULT 0,
  touched INTEGER NOT NULL,
  -- The present attempt: the last one begun, unless it has been put away. Its number is `attempt`;
  -- what it came to, once it has ended, are `outcome`, `reason`, `message` and `log_file`.
  attempt_begun INTEGER NOT NULL DEFAULT 0,    -- 0: there is none
  attempt_ended INTEGER NOT NULL DEFAULT 0,
  life INTEGER NOT NULL DEFAULT 0,             -- that began it
  record_dir TEXT NOT NULL DEFAULT '',
  redelivered INTEGER NOT NULL DEFAULT 0,
  exit TEXT NOT NULL DEFAULT '',
  wall INTEGER NOT NULL DEFAULT 0,
  cpu INTEGER NOT NULL DEFAULT 0,
  memory INTEGER NOT NULL DEFAULT 0,
  output INTEGER NOT NULL DEFAULT 0);
INSERT INTO job SELECT j.id, j.key, j.queue, j.runner, j.job_id, j.package, j.version, j.digest,
  j.web_host, j.run, j.state, j.claim, j.attempt, j.crashes, j.outcome, j.reason, j.message,
  j.settlement, j.settlement_delay, j.settlement_attempt, j.settlement_reason, j.seq, j.reported,
  j.reported_status, j.reported_reason, j.reported_message, j.reported_final, j.reported_seq,
  j.log_file, j.artifacts, j.result, j.begun, j.ended, j.touched,
  coalesce(a.begun, 0), coalesce(a.ended, 0), coalesce(l.id, 0), coalesce(a.record_dir, ''),
  coalesce(a.redelivered, 0), coalesce(a.exit, ''), coalesce(a.wall, 0), coalesce(a.cpu, 0),
  coalesce(a.memory, 0), coalesce(a.output, 0)
  FROM old_job j LEFT JOIN attempt a ON a.id = (SELECT max(id) FROM attempt WHERE job = j.id)
  AND a.run = j.run AND a.n = j.attempt AND (a.ended = 0 OR (a.outcome = j.outcome AND
  a.reason = j.reason AND a.message = j.message AND a.log_file = j.log_file))
  LEFT JOIN life l ON l.name = a.life AND l.boot = a.boot AND l.worker = a.worker ORDER BY j.id;
DELETE FROM attempt WHERE EXISTS (SELECT 1 FROM job j WHERE j.id = attempt.job AND
  j.attempt_begun > 0 AND attempt.id = (SELECT max(id) FROM attempt WHERE job = j.id));
DROP TABLE old_job;
CREATE INDEX job_owned ON job(id) WHERE claim = 'owned';
CREATE INDEX job_blocked ON job(id) WHERE state = 'blocked';

-- See journal/job_index.h.
CREATE TABLE job_name(
  hash INTEGER NOT NULL,             -- of a key or a job id
  job INTEGER NOT NULL,              -- a row; that it is gone, or called otherwise, may be
  PRIMARY KEY(hash, job)) WITHOUT ROWID;
CREATE TABLE job_open(job INTEGER PRIMARY KEY);
CREATE TABLE job_mark(
  mark INTEGER NOT NULL,             -- the rows up to here have their names in `job_name`
  jobs INTEGER NOT NULL);            -- so many they are
INSERT INTO job_mark(mark, jobs) VALUES(0, 0);

-- The log is told at once. What stays are the words of jobs.
DELETE FROM outbox WHERE target = 'log' AND
  (state <> 'sent' OR status <> 'Building' OR message = '');
)sql",
                                            R"sql(
-- Queues from which nothing is taken, because somebody wants it so.
CREATE TABLE pause(
  queue TEXT PRIMARY KEY,
  time INTEGER NOT NULL) WITHOUT ROWID;
)sql"};

Result<int> version_of(Database& database) {
  auto statement = database.prepare("PRAGMA user_version");
  const auto row = statement.step();
  if (!row) return row.error();
  return static_cast<int>(statement.integer(0));
}

Result<void> keep_a_copy(Database& database, int version) {
  if (database.path() == ":memory:") return {};
  const std::string copy = database.path() + ".before-" + std::to_string(version + 1);
  ::unlink(copy.c_str());  // of an attempt that did not succeed, else we would not be here again
  return database.back_up(copy);
}

Result<void> climb(Database& database, int from, int to) {
  for (int version = from; version < to; ++version) {
    const auto made = database.execute(steps[static_cast<std::size_t>(version)]);
    if (!made) return made;
  }
  return database.execute(("PRAGMA user_version=" + std::to_string(to)).c_str());
}

}  // namespace

int newest() {
  return static_cast<int>(steps.size());
}

Result<void> make(Database& database, int version) {
  return climb(database, 0, version);
}

Result<void> upgrade(Database& database) {
  const auto version = version_of(database);
  if (!version) return version.error();
  if (*version > newest())
    return Error{database.path(),
                 "written by a newer rbit (version " + std::to_string(*version) +
                     ", this one knows " + std::to_string(newest()) + ")",
                 "run that rbit, or go back to the copy " + database.path() + ".before-" +
                     std::to_string(newest() + 1)};
  if (const auto sound = database.check(std::chrono::seconds(5)); !sound) return sound;
  if (*version == newest()) return {};
  if (*version > 0)
    if (const auto copied = keep_a_copy(database, *version); !copied) return copied;

  if (const auto begun = database.execute("BEGIN IMMEDIATE"); !begun) return begun;
  auto done = climb(database, *version, newest());
  if (done) done = database.execute("COMMIT");
  if (!done) (void)database.execute("ROLLBACK");
  return done;
}

}  // namespace rbit::schema
