#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "rbit/base/clock.h"
#include "rbit/base/database.h"

namespace rbit {

/// What brokers taught us, by their address and version. Its changes run inside a transaction of
/// the journal. Times are in microseconds since 1970.
class BrokerTable {
 public:
  explicit BrokerTable(Database& database) : database_(database) {}

  // Changes.

  Result<void> remember_ack_limit(const std::string& broker, milliseconds limit, std::int64_t now);
  Result<void> forget_before(std::int64_t time);

  // Reading.

  /// None if nothing was learned after `since`.
  std::optional<milliseconds> ack_limit(const std::string& broker, std::int64_t since) const;

 private:
  Database& database_;
};

}  // namespace rbit
