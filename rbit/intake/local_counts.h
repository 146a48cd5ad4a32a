#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "rbit/base/database.h"
#include "rbit/base/result.h"

namespace rbit {

/// How many messages of each embedded queue wait for their time, and how many dead letters it has.
/// They are counted once, when somebody asks first; from then on triggers of this connection keep
/// the counts in a table in memory, so they are rolled back with what they count, whoever changes
/// it. Nothing of it is in the file, and who never asks pays nothing. On the loop's thread.
class LocalCounts {
 public:
  /// `database` outlives this.
  explicit LocalCounts(Database& database) : database_(database) {}

  struct Count {
    std::int64_t due = 0, dead = 0;
  };
  /// By queue; one that has neither may be missing.
  Result<std::map<std::string, Count>> all();

 private:
  Result<bool> is_kept() const;
  Result<void> begin();

  Database& database_;
};

}  // namespace rbit
