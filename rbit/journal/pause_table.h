#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "rbit/base/database.h"
#include "rbit/base/task.h"

namespace rbit {

/// Why such a queue is not read, for people.
inline constexpr const char* paused_by_hand = "by hand";

/// The queues that somebody has paused: on record, so that a restart does not take from them.
class PauseTable {
 public:
  explicit PauseTable(Database& database) : database_(database) {}

  /// Since when, microseconds since 1970, by queue; also of those that are not configured now.
  Result<std::map<std::string, std::int64_t>> all() const;
  /// One that is paused keeps its time. Both survive a power cut. `queues` lives until the task
  /// ends.
  Task<Result<void>> add(const std::vector<std::string>& queues, std::int64_t now);
  Task<Result<void>> remove(const std::vector<std::string>& queues);

 private:
  Database& database_;
};

}  // namespace rbit
