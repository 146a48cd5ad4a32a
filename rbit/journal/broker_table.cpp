#include "rbit/journal/broker_table.h"

namespace rbit {

Result<void> BrokerTable::remember_ack_limit(const std::string& broker, milliseconds limit,
                                             std::int64_t now) {
  auto row =
      database_.prepare("INSERT OR REPLACE INTO broker(name, ack_limit, time) VALUES(?, ?, ?)");
  return row.bind(broker).bind(limit.count()).bind(now).run();
}

Result<void> BrokerTable::forget_before(std::int64_t time) {
  return database_.prepare("DELETE FROM broker WHERE time < ?").bind(time).run();
}

std::optional<milliseconds> BrokerTable::ack_limit(const std::string& broker,
                                                   std::int64_t since) const {
  auto row = database_.prepare("SELECT ack_limit FROM broker WHERE name = ? AND time > ?");
  const auto found = row.bind(broker).bind(since).step();
  if (!found || !*found) return std::nullopt;
  return milliseconds(row.integer(0));
}

}  // namespace rbit
