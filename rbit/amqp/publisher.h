#pragma once

#include <string>

#include "rbit/amqp/protocol.h"
#include "rbit/base/result.h"
#include "rbit/base/task.h"

namespace rbit::amqp {

/// Publishes with `mandatory` and a publisher confirm. On the loop's thread.
class Publisher {
 public:
  virtual ~Publisher() = default;
  /// Ends when the broker has confirmed it. An Error: it was returned (no such queue), refused
  /// (nack), or the connection was lost, in which case it may have arrived all the same. While the
  /// broker is away it waits, for as long as its maker decided, then fails.
  virtual Task<Result<void>> publish(Outgoing message) = 0;
  /// Declares a durable, non-exclusive queue without arguments, once for each connection.
  virtual Task<Result<void>> declare_queue(const std::string& name) = 0;
};

}  // namespace rbit::amqp
