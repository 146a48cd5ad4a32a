#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rbit/base/database.h"
#include "rbit/core/journal.h"
#include "rbit/journal/job_index.h"

namespace rbit {

/// Rows of jobs that the journal alone stands for (rbit/doc/order.rst, claim). Its changes run
/// inside a transaction of the journal. `now` is in microseconds since 1970.
class OwnedTable {
 public:
  OwnedTable(Database& database, JobIndex& index) : database_(database), index_(index) {}

  // Changes.

  /// The message is kept with it, whole; `request` is what it was read as, as JSON, "" if that is
  /// to be read from it again.
  Result<void> own(const std::string& key, const Message& message, const std::string& request,
                   std::int64_t now);
  /// Moves a dead letter that waits in row `job` to a row of its own: the job is about to begin
  /// anew, and its verdict there will be another.
  Result<void> set_dead_aside(std::int64_t job);
  /// Keeps a message that is no job, or whose job's row is gone, as a dead letter, under a key of
  /// its own where another message has its id.
  Result<void> keep_dead(const Message& message, const Settlement& settlement, std::int64_t now);

  // Reading.

  /// Lists the keys, the oldest first. What cannot be read is logged and left out.
  std::vector<std::string> keys() const;
  /// Returns none if there is no such job. An Error: it could not be read, and may be there.
  Result<std::optional<OwnedJob>> find(const std::string& key) const;

 private:
  Result<bool> is_taken(std::int64_t row);

  Database& database_;
  JobIndex& index_;
};

}  // namespace rbit
