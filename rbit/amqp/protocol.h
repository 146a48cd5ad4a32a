#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "rbit/base/message_properties.h"
#include "rbit/base/result.h"
#include "rbit/base/text.h"

/// The words that the loop and an I/O thread exchange about one AMQP connection.
namespace rbit::amqp {

// What a channel can be asked. Consume and CancelConsumer may be answered later than what follows.
struct OpenChannel {};
struct CloseChannel {};
struct DeclareExchange {  // durable, direct, not auto-delete
  std::string name;
  bool passive = false;
};
struct DeclareQueue {
  std::string name;
  bool passive = false, durable = true, exclusive = false, auto_delete = false;
  /// As the broker compares them: numbers go as int32 "I" where they fit, texts as "S".
  std::map<std::string, HeaderValue> arguments{};
};
struct BindQueue {
  std::string queue, exchange, routing_key;
};
struct DeleteQueue {
  std::string name;
};
struct SetPrefetch {  // of consumers made afterwards; never 0, which means no limit
  std::uint16_t count = 1;
};
struct Consume {
  std::string queue, tag;
  /// For who asks whether it may: it is refused in any case, after a look at the permissions.
  bool as_a_question = false;
};
struct CancelConsumer {
  std::string tag;
};
struct Get {
  std::string queue;
};
struct SelectConfirms {};

// And what has no answer of its own kind.

/// Settles one delivery; never several at once (`multiple` = 0). Done when the socket has taken it.
struct Settle {
  /// Requeue is nack(requeue), never reject (rbit/doc/traps.rst, broker-delivery-limit).
  enum class Kind { ack, requeue };
  std::uint64_t delivery_tag = 0;
  Kind kind = Kind::ack;
};
/// A message to publish, with `mandatory`. Answered by the broker's confirm, so SelectConfirms
/// comes first.
struct Outgoing : MessageProperties {
  std::string exchange;  // "" is the default exchange
  std::string routing_key;
  std::string body;
  std::map<std::string, std::int64_t> time_headers;  // headers of AMQP's type timestamp, seconds
};
struct CloseConnection {};

using Request = std::variant<OpenChannel, CloseChannel, DeclareExchange, DeclareQueue, BindQueue,
                             DeleteQueue, SetPrefetch, Consume, CancelConsumer, Get, SelectConfirms,
                             Settle, Outgoing, CloseConnection>;

/// The place of a request in the list above, for matching answers.
template <class R, std::size_t I = 0>
constexpr std::size_t request_index_of() {
  if constexpr (std::is_same_v<R, std::variant_alternative_t<I, Request>>)
    return I;
  else
    return request_index_of<R, I + 1>();
}
template <class R>
inline constexpr std::size_t request_index = request_index_of<R>();

// What a broker answers to what it does not do, in the numbers of AMQP.

inline constexpr int no_route = 312,
                     no_consumers = 313;  // of basic.return; all others close things
inline constexpr int invalid_path = 402;
inline constexpr int access_refused = 403;
inline constexpr int not_found = 404;
inline constexpr int resource_locked = 405;
inline constexpr int precondition_failed = 406;  // it is there with other arguments, for example
inline constexpr int not_allowed = 530;
inline constexpr int internal_error = 541;

/// Frame error, syntax error, command invalid, channel error, unexpected frame.
constexpr bool is_of_the_protocol(int code) {
  return code >= 501 && code <= 505;
}

// Codes of a Refusal that are no broker's.

inline constexpr int lost = 0;         // the connection or channel is gone, or was never there
inline constexpr int unsendable = -1;  // we did not send it: it will never fit
inline constexpr int nacked = -2;      // a publish that the broker did not take; it may later
inline constexpr int unreadable = -3;  // a message that came cannot be read, and ends connections

/// Why something was not done.
struct Refusal {
  int code = 0;
  std::string text, cure{};
  bool login = false;      // the broker knows us and will not have us: user, password, virtual host
  std::string endpoint{};  // "host:port" if it is the connection that failed
  bool protocol = false;   // the connection ended over the protocol itself: 501 to 505, garbage
  bool unsure = false;     // of a publish: it was sent at least once, and may have arrived
  bool unsent = false;     // of a publish: the broker cannot have it
  /// Of connections, channels or queues, or a virtual host that is down: it may end.
  bool limit = false;
  /// It ended the whole connection, and what was asked or delivered on this channel was the reason.
  bool deadly = false;
  std::string operation{};  // what was refused: "basic.get", if the broker says so
  /// Queues and consumer tags that it may be about. Empty: that is not known.
  std::vector<std::string> suspects{};

  /// What was to be declared is there, with other arguments.
  bool has_other_arguments() const { return code == precondition_failed && !limit; }
  /// For the log: on one line, with the cure.
  std::string said() const { return Error("", rbit::text::one_line(text, 300), cure).text(); }
  /// A connection's fault is told of its broker, not of `thing`, which somebody wanted of it.
  Error error(std::string thing) const {
    if (endpoint.empty()) return {std::move(thing), text, cure};
    const std::string prefix = endpoint + ": ";
    return {"broker " + endpoint, text.starts_with(prefix) ? text.substr(prefix.size()) : text,
            cure};
  }
};

struct Reply {
  std::uint32_t messages = 0, consumers = 0;  // of DeclareQueue
  bool empty = false;                         // of Get: nothing was there
};

/// What came of a request, a settlement or a publish.
struct Answer {
  Reply reply;
  std::optional<Refusal> refusal;
  bool ok() const { return !refusal; }
};

/// A message as it came. What is kept of it is bounded: see `max_body`, `max_headers`. Without
/// consumer tag it was got, not delivered to a consumer.
struct Incoming : MessageHead {
  std::string body;  // the first `kept_body` bytes only, if `oversized`
};

inline constexpr std::uint64_t max_body = 4u << 20;    // above, a body is drained
inline constexpr std::size_t kept_body = 64u << 10;    // of it
inline constexpr std::size_t max_headers = 64;         // scalar ones, the others are not kept
inline constexpr std::size_t max_header_bytes = 8192;  // names and values together
inline constexpr std::size_t max_header_name = 128;    // the library's; a longer one cannot be sent
// Those whose names begin as `ConnectionSettings::own_headers` says are counted apart, with the
// same room: whatever else a message has, what we wrote for ourselves must be read again.
inline constexpr std::size_t max_own_headers = 16;

}  // namespace rbit::amqp
