#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rbit/base/names.h"
#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/awaited_copy.h"
#include "rbit/core/job.h"
#include "rbit/core/message.h"
#include "rbit/core/outcome.h"
#include "rbit/core/report.h"
#include "rbit/core/settlement.h"

namespace rbit {

/// What the journal knows of a key.
struct JobRecord {
  enum class State { waiting, running, blocked, done, failed, cancelled, moved, dead };
  std::string key, queue, runner;
  std::string job_id, package, version;
  std::string digest;  // of its message, `digest_of`
  State state = State::waiting;
  int attempt = 0;  // the last one begun
  int crashes = 0;
  std::string outcome, reason, message;  // of the last attempt that ended; empty while none has
  Settlement settlement;                 // wanted, once the last attempt has ended
  bool settled = false;                  // and reached

  /// What people call it: PyBit's number, or its key where it has none.
  const std::string& name() const { return job_id.empty() ? key : job_id; }

  Status last_status = Status::waiting;  // last reported
  std::string last_message;              // with it
  std::string log_file;
  std::vector<Artifact> artifacts;
  std::string result;                 // JSON; empty: none
  std::int64_t begun = 0, ended = 0;  // microseconds since 1970; 0: not yet
  // What its present attempt used, once that has ended: 0 before, and what nobody knows.
  std::int64_t wall_micros = 0, cpu_micros = 0, peak_memory_kib = 0, output_bytes = 0;
};

inline constexpr Named<JobRecord::State> job_state_names[] = {
    {JobRecord::State::waiting, "waiting"}, {JobRecord::State::running, "running"},
    {JobRecord::State::blocked, "blocked"}, {JobRecord::State::done, "done"},
    {JobRecord::State::failed, "failed"},   {JobRecord::State::cancelled, "cancelled"},
    {JobRecord::State::moved, "moved"},     {JobRecord::State::dead, "dead"}};

constexpr std::string_view to_string(JobRecord::State state) {
  return name_in(job_state_names, state);
}
/// Returns whether a job in this state has no verdict: it waits, runs, or ran when rbit died.
constexpr bool is_unfinished(JobRecord::State state) {
  return state == JobRecord::State::running || state == JobRecord::State::waiting;
}

/// An attempt that was begun in an earlier life of rbit and has no end.
struct OpenAttempt {
  Job job;                       // body and request as they were; `job.attempt` is this attempt
  std::string record_dir;        // where its leader wrote, see run/record.h
  bool is_of_this_boot = false;  // else what was written without a sync may be lost
};

/// A job whose message was acknowledged early and that is not settled yet: it lives in the journal
/// alone.
struct OwnedJob {
  Job job;  // `attempt` and `crashes` are those of the last attempt that was begun
  Message message;
  JobRecord::State state = JobRecord::State::waiting;  // running: its attempt has no end
  Settlement settlement;                               // wanted, once it has a verdict
  bool is_unread = false;  // what its message asks for is to be read from it again
};

/// The record of what was accepted and what came of it. Reads answer at once, writes when they are
/// committed; writes of one turn of the loop share one commit. On the loop's thread.
/// An Error of a write: it is not on record, so nothing may be answered on its strength.
class Journal {
 public:
  virtual ~Journal() = default;

  virtual std::optional<JobRecord> find(const std::string& key) const = 0;
  virtual Result<std::vector<OpenAttempt>> open_attempts() const = 0;
  /// Keys of the jobs of messages with this digest that the broker stands for and that are not
  /// settled, the oldest first.
  virtual std::vector<std::string> held_twins(const std::string& digest) const = 0;

  /// R: a redelivered message is about to be read, and of reading it rbit may die. Gives how many
  /// earlier lives of rbit died so within 72 h. Survives a crash of rbit.
  virtual Task<Result<int>> came_again(const std::string& key) = 0;
  /// It was read, and rbit lives: none of that counts any more. On record with the next commit.
  virtual void was_read(const std::string& key) = 0;
  /// How often rbit died within 72 h during attempts of the job's present run: those that had no
  /// end when they were begun again, and those that were found not to have started.
  struct Deaths {
    int during = 0, before_start = 0;
  };
  virtual Deaths recent_deaths(const std::string& key) const = 0;

  /// J1: the job and this attempt, and the report `building` for every target.
  /// Survives a crash of rbit. `record_dir` is where the attempt's leader will write. A dead letter
  /// of an earlier run of this key that is still ours is kept, under a key of its own.
  virtual Task<Result<void>> begin(const Job& job, const Message& message,
                                   const std::string& record_dir, Report building) = 0;
  /// A status the runner sets while it runs, for every target; one equal to the last is left out.
  virtual Task<Result<void>> report(const Job& job, Report status) = 0;
  /// J3: the verdict, what shall become of the message, and the report of it (none if there is
  /// nothing to tell, as for an interrupted job), and what leaves with it. Survives a power cut.
  virtual Task<Result<void>> finish(const Job& job, const Outcome& outcome,
                                    const Settlement& settlement, std::optional<Report> verdict,
                                    std::vector<Publication> publications = {}) = 0;
  /// What a job sends while it runs, whatever becomes of it. Survives a power cut.
  virtual Task<Result<void>> publish(const Job& job, Publication publication) = 0;
  /// A': the job is ours, whatever becomes of the broker's message, which may be acknowledged then.
  /// Survives a power cut, and so does all that was written of the job before.
  /// The message is kept from now on.
  virtual Task<Result<void>> own(const Job& job) = 0;
  /// The same of a job that has its verdict and does not run.
  virtual Task<Result<void>> own(const std::string& key, const Message& message) = 0;
  /// The same for a job that waits here for a slot: accepted, and no attempt of it is begun.
  /// REQUIRES: `job.owned`, and no row of its key that is ours and not settled.
  virtual Task<Result<void>> keep_waiting(const Job& job, const Message& message) = 0;
  /// The same for a message that is no job, and whose dead letter nobody takes now: it is kept here
  /// until somebody does. REQUIRES: `settlement` is a dead letter.
  virtual Task<Result<void>> keep_dead(const Message& message, const Settlement& settlement) = 0;
  /// Keys of the jobs that are ours and not settled, those of earlier lives too, oldest first.
  virtual std::vector<std::string> owned_jobs() const = 0;
  /// Returns none if there is no such job. An Error: it could not be read, and may be there.
  virtual Result<std::optional<OwnedJob>> owned_job(const std::string& key) const = 0;

  /// A: the settlement is reached. A job that was put back into its queue has moved. That an accept
  /// is reached is known here at once, and on record with a later commit: whoever asks after a
  /// crash gets the same answer without it.
  virtual Task<Result<void>> settled(const std::string& key) = 0;
  /// Another delivery of a job that runs here joined it.
  virtual Task<Result<void>> joined(const std::string& key) = 0;
  /// The message came again and its answer was known. `tell`: the last status once more, for a
  /// front-end that may have missed it (crash table, J3 to A). Not of an attempt that an earlier
  /// life began and we brought on record: its message is still to come then, and nobody missed it.
  virtual Task<Result<void>> report_again(const std::string& key, bool tell) = 0;

  /// The copies that wait at the broker for a next attempt, and those that came back elsewhere.
  virtual std::vector<AwaitedCopy> awaited_copies() const = 0;
  /// The broker has lost it: `verdict` is final, and told to every target. Returns false if it came
  /// meanwhile.
  virtual Task<Result<bool>> copy_lost(const AwaitedCopy& copy, Report verdict) = 0;

  /// Writes something to no purpose: whether the journal can take a job.
  virtual Task<Result<void>> probe() = 0;

  /// What `broker` (its address and version) taught us: messages must be acknowledged within this
  /// time. Kept 30 days.
  virtual Task<Result<void>> remember_ack_limit(const std::string& broker,
                                                std::chrono::milliseconds limit) = 0;
  virtual std::optional<std::chrono::milliseconds> ack_limit(const std::string& broker) const = 0;

  /// Puts a cancel on record, by PyBit's job id: kept 7 days, or until the job has ended otherwise.
  /// Returns false if the job is over, and there is nothing to remember. Survives a power cut.
  /// No cancel is of a job without a number: an empty `job_id` names none, here and below.
  virtual Task<Result<bool>> record_cancel(const std::string& job_id) = 0;
  virtual bool has_cancel(const std::string& job_id) const = 0;
  /// The jobs of that id that are not over.
  virtual std::vector<JobRecord> unfinished(const std::string& job_id) const = 0;

  // The outbox: reports on their way to front-ends.

  /// Rows of `target` that may be sent at `now` (microseconds since 1970), oldest first, at most
  /// one a job (the job's oldest unsent), at most `limit`; fewer if they carry large messages.
  virtual std::vector<Report> due_reports(const std::string& target, std::int64_t now,
                                          int limit) const = 0;
  /// When the next row of `target` becomes due; none if there is no row.
  virtual std::optional<std::int64_t> next_report(const std::string& target) const = 0;
  virtual Task<Result<void>> report_sent(const Report& report) = 0;
  /// Not taken: due again at `next` (microseconds since 1970).
  virtual Task<Result<void>> report_postponed(const Report& report, std::int64_t next) = 0;
  virtual Task<Result<void>> report_dropped(const Report& report, const std::string& reason) = 0;
  virtual std::int64_t reports_waiting() const = 0;
};

}  // namespace rbit
