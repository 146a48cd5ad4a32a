#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include "rbit/base/result.h"
#include "rbit/base/task.h"

namespace rbit::amqp {

/// A message to publish: AMQP 0-9-1 properties by their names there; empty means absent.
struct Outgoing {
  std::string exchange;  // "" is the default exchange
  std::string routing_key;
  std::string body;
  std::string content_type, content_encoding, correlation_id, reply_to, message_id;
  std::string type, app_id;
  std::optional<std::int64_t> timestamp;  // seconds since 1970
  std::optional<std::uint8_t> priority;
  std::map<std::string, std::variant<bool, std::int64_t, double, std::string>> headers;
  std::map<std::string, std::int64_t> time_headers;  // headers of AMQP's type timestamp, seconds
  bool persistent = true;
};

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
