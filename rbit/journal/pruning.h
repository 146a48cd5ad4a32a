#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "rbit/base/clock.h"
#include "rbit/base/database.h"
#include "rbit/journal/job_index.h"
#include "rbit/journal/report_table.h"

namespace rbit {

/// How much the journal keeps.
struct JournalLimits {
  std::int64_t jobs = 100'000;       // above that the oldest that are over, settled and reported go
  std::chrono::hours keep{30 * 24};  // and all of them after that
  std::chrono::hours deaths{72};     // rbit's own, above that they are forgiven
  std::chrono::hours moved{7 * 24};  // a held job that nobody redelivers here is somewhere else
  std::chrono::hours brokers{30 * 24};  // what they taught us
  std::chrono::hours cancels{7 * 24};   // of jobs that were never seen
  std::int64_t most_cancels = 10'000;
  std::chrono::hours reports{8 * 24};  // a day more than the outbox tries
  std::int64_t waiting_reports = 1'000'000;
};

/// Takes old rows out in small steps. Its changes run inside a transaction of the journal. Refers
/// to what outlives it.
class Pruning {
 public:
  /// `life` names this life of rbit: its attempts are not over.
  Pruning(Database& database, Clock& clock, JobIndex& index, ReportTable& reports,
          JournalLimits limits, std::string life)
      : database_(database),
        clock_(clock),
        index_(index),
        reports_(reports),
        limits_(limits),
        life_(std::move(life)),
        next_sweep_(clock.steady()) {}

  Result<void> step();

 private:
  Result<void> forget_old();
  Result<int> remove_jobs(std::int64_t touched_before, std::int64_t limit, bool settled_only);

  Database& database_;
  Clock& clock_;
  JobIndex& index_;
  ReportTable& reports_;
  JournalLimits limits_;
  std::string life_;
  SteadyTime next_sweep_;
};

}  // namespace rbit
