#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "rbit/amqp/publish_connection.h"
#include "rbit/base/clock.h"
#include "rbit/base/lifetime.h"
#include "rbit/base/notice.h"
#include "rbit/core/queue_count.h"

namespace rbit {

/// Asks a broker how many messages wait in queues, and how many dead letters they have. It asks
/// only when somebody wants to know, one question after the other, and not again before ten times
/// as long has passed as that took, 5 s at the least. On the loop's thread.
class QueueCounter {
 public:
  /// Clock and publisher outlive this.
  QueueCounter(const asio::any_io_executor& loop, const Clock& clock,
               amqp::PublishConnection& publisher);

  /// What it said of these queues last, asked anew if it is time for that; waits for the answers,
  /// `patience` at the most. What it did not tell when asked last is missing, all of it if there is
  /// no connection.
  Task<QueueCounts> counts(std::vector<std::string> queues, std::chrono::milliseconds patience);

 private:
  Task<void> ask_all(Lifetime::Watch alive);
  Task<bool> ask(std::string queue, std::optional<std::int64_t>& count);

  asio::any_io_executor loop_;
  const Clock& clock_;
  amqp::PublishConnection& publisher_;
  std::vector<std::string> queues_;
  QueueCounts last_;
  bool asking_ = false;
  SteadyTime not_before_{};
  Notice answered_;
  Lifetime lifetime_;
};

}  // namespace rbit
