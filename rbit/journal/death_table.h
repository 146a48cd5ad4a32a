#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "rbit/base/database.h"
#include "rbit/base/result.h"

namespace rbit {

/// What rbit died of: messages while they were read, and jobs. Its changes run inside a transaction
/// of the journal. Times are in microseconds since 1970; deaths that are not after `since` do not
/// count.
class DeathTable {
 public:
  /// `life` is the name of this life of rbit.
  DeathTable(Database& database, std::string life) : database_(database), life_(std::move(life)) {}

  // Changes.

  /// The message of this key is about to be read. Gives how many earlier lives ended while they
  /// read it.
  Result<int> reads(const std::string& key, std::int64_t now, std::int64_t since);
  /// The message was read, and rbit lives: none of those deaths counts any more.
  static Result<void> was_read(Database& database, const std::string& key);

  // Reading.

  /// Counts the attempts of a job's present run that had no end when the next one was begun.
  int during(const std::string& key, std::int64_t since) const;

 private:
  Database& database_;
  std::string life_;
};

}  // namespace rbit
