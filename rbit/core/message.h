#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "rbit/base/message_properties.h"
#include "rbit/core/body.h"

namespace rbit {

/// What a queue held, unparsed: bytes and properties. Without exchange it came straight to its
/// queue.
struct Message : MessageHead {
  std::string queue;
  Body body;  // the first 64 KiB only, if `oversized`
};

/// The header that rbit's own copies carry: which attempt the message asks for.
inline constexpr const char* attempt_header = "x-rbit-attempt";

/// The header of a message that `rbit dead replay` brought back: when, in microseconds since 1970.
/// Unlike `x-rbit-*` it stays with the message through its retries. Who asks a front-end before
/// building must build it although its last status is Failed.
inline constexpr const char* replayed_header = "rbit-replayed";

/// The header of a copy whose message came through an exchange: the routing key that it had. It
/// stays with the message, which comes straight to its queue from then on.
inline constexpr const char* routing_key_header = "rbit-routing-key";

/// The header that counts how often a message was put back because another client of the front-end
/// was building its job.
inline constexpr const char* waited_header = "x-rbit-waited";

/// The value of a header that is a whole number from 0 to `most`. 0: there is none, or it says
/// nothing sane.
std::int64_t number_in(const Message& message, const std::string& header,
                       std::int64_t most = std::numeric_limits<std::int64_t>::max());

/// The attempt header's value if it is a sane number, else none.
std::optional<int> attempt_of(const Message& message);

/// When `rbit dead replay` brought the message back, in microseconds since 1970; 0: it did not, or
/// the header says nothing sane.
std::int64_t replayed_at(const Message& message);

/// The name of the job in the journal: the message id, else SHA-256 over queue, NUL, body
/// (rbit/doc/order.rst, redelivery). A `Delivery` knows it, and the digest.
std::string key_of(const Message& message);
/// The same where the digest is known.
std::string key_of(const Message& message, const std::string& digest);

/// Which queue and bytes it is, hexadecimal SHA-256: two messages of one id may be two.
std::string digest_of(const Message& message);

/// Whether its bytes are text as they are: no `content_encoding`, or one that only says so.
bool is_plain_encoding(const Message& message);

}  // namespace rbit
