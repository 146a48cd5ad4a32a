#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rbit/base/database.h"
#include "rbit/core/journal.h"

namespace rbit {

struct AttemptRecord {
  int run = 1;  // rises when a key that is over is asked for again
  int n = 1;
  std::string worker, outcome, reason, message, log_file;  // `outcome` is empty until it has ended
  std::int64_t begun = 0, ended = 0;                       // microseconds since 1970; 0: not yet
  bool redelivered = false;  // the message that began it had been delivered before
  std::string exit;          // of its process; empty: it had none, or it is not known
  std::int64_t wall_micros = 0, cpu_micros = 0, peak_memory_kib = 0, output_bytes = 0;
};

/// A message came whose job was running, or that had its answer already.
struct DeliveryRecord {
  int run = 1, attempt = 1;
  std::int64_t time = 0;  // microseconds since 1970
  std::string what;       // joined, answered
};

struct ReportRecord {
  Report report;
  std::string state;     // waiting, sent, dropped
  std::string note;      // why it was dropped
  std::int64_t due = 0;  // microseconds since 1970; 0: sent, dropped, or behind an older one
};

/// All that is known of a job; lists begin with the oldest.
struct JobHistory {
  JobRecord job;
  int run = 1;
  std::vector<AttemptRecord> attempts;
  std::vector<DeliveryRecord> deliveries;  // that began no attempt
  std::vector<ReportRecord> reports;
};

struct DeadLetter {
  std::int64_t id = 0;
  std::string reason;
  std::int64_t time = 0;  // microseconds since 1970
  Message message;        // of an oversized one the first 64 KiB
};

/// The reason of an Error for a name that no job has.
inline constexpr const char* not_in_journal = "is not in the journal";
Error no_such_job(const std::string& name);
/// The Error for a name that all of these keys begin with.
Error may_be_several(const std::string& name, const std::vector<std::string>& keys);

/// Which jobs are wanted. What is empty leaves all.
struct JobFilter {
  int limit = 20;
  std::vector<JobRecord::State> states;
  bool due = false;  // those that are to come again, too
  std::vector<std::string> queues, runners;
  std::int64_t since = 0;  // touched then or later, microseconds since 1970
};

/// Jobs of one queue that are not over, as the journal has them.
struct OpenJobs {
  std::int64_t running = 0;    // or ran when their rbit died
  std::int64_t waiting = 0;    // for a slot, on record as ours: their broker has no message of them
  std::int64_t due = 0;        // they come again
  std::int64_t again = 0;      // the first of them then, microseconds since 1970; 0: none does
  std::int64_t kept_dead = 0;  // dead letters that the broker refuses
};

/// What the commands show of a journal's file. Reads only; what cannot be read is logged and left
/// out.
class History {
 public:
  explicit History(Database& database) : database_(database) {}

  /// Lists jobs, the last touched first, and those of all states if none is named. One that was
  /// touched long after a thousand younger ones had begun comes where it began.
  std::vector<JobRecord> jobs(int limit, std::initializer_list<JobRecord::State> states = {}) const;
  std::vector<JobRecord> jobs(const JobFilter& filter) const;
  /// Finds a job by its key, else by PyBit's job id, and of several the last touched.
  std::optional<JobHistory> job(const std::string& name) const;
  /// The key of the job that somebody means: by key, by PyBit's job id, by the beginning of a key
  /// that no other key has, or `last`, the one that began last. An Error: there is none, or there
  /// are several.
  Result<std::string> find(const std::string& name) const;
  /// None: there is no job of that key.
  std::optional<JobRecord::State> state_of(const std::string& key) const;
  /// Counts what is not over, by queue. Reads no job that is.
  std::map<std::string, OpenJobs> open_jobs() const;
  /// Reports, and what jobs publish, that are not sent yet.
  std::int64_t reports_waiting() const;
  /// Lists the dead letters of one job, the oldest first.
  std::vector<DeadLetter> dead_of(const std::string& key) const;

 private:
  std::vector<AttemptRecord> attempts(std::int64_t job) const;
  std::vector<DeliveryRecord> deliveries(std::int64_t job) const;
  std::vector<ReportRecord> reports(std::int64_t job) const;

  Database& database_;
};

}  // namespace rbit
