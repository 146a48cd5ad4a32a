#pragma once

#include <cstdint>
#include <initializer_list>
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
};

struct ReportRecord {
  Report report;
  std::string state;  // waiting, sent, dropped
  std::string note;   // why it was dropped
};

/// All that is known of a job, oldest first.
struct JobHistory {
  JobRecord job;
  std::vector<AttemptRecord> attempts;
  std::vector<ReportRecord> reports;
};

struct DeadLetter {
  std::int64_t id = 0;
  std::string reason;
  std::int64_t time = 0;  // microseconds since 1970
  Message message;        // of an oversized one the first 64 KiB
};

/// What the commands show of a journal's file. Reads only; what cannot be read is logged and left
/// out.
class History {
 public:
  explicit History(Database& database) : database_(database) {}

  /// The last touched first; of all states if none is named.
  std::vector<JobRecord> jobs(int limit, std::initializer_list<JobRecord::State> states = {}) const;
  /// By key, else by PyBit's job id: the last touched of several.
  std::optional<JobHistory> job(const std::string& name) const;
  /// Oldest first; of all queues if `queue` is empty.
  std::vector<DeadLetter> dead(int limit, const std::string& queue = {}) const;

 private:
  bool next(Statement& row) const;
  std::vector<AttemptRecord> attempts(const std::string& key) const;
  std::vector<ReportRecord> reports(const std::string& key) const;

  Database& database_;
};

}  // namespace rbit
