#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "rbit/base/database.h"
#include "rbit/journal/job_index.h"

namespace rbit {

/// Cancels that are on record, by PyBit's job id or by key (core/job_name.h, cancel_of). Its
/// changes run inside a transaction of the journal. Times are in microseconds since 1970.
class CancelTable {
 public:
  CancelTable(Database& database, JobIndex& index) : database_(database), index_(index) {}

  /// Leaves `recorded` false if jobs of that id are known and all of them have ended. Above `most`
  /// the oldest go.
  Result<void> record(const std::string& job_id, std::int64_t now, std::int64_t most,
                      bool& recorded);
  Result<void> forget(const std::string& job_id);
  bool has(const std::string& job_id, std::int64_t since) const;
  /// What changes did may be gone.
  void undone() { is_empty_.reset(); }

 private:
  bool is_empty() const;

  Database& database_;
  JobIndex& index_;
  mutable std::optional<bool> is_empty_;  // as mostly; read when it is asked for
};

}  // namespace rbit
