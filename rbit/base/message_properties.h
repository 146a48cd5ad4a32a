#pragma once

#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>

namespace rbit {

/// A scalar AMQP header value. Tables and arrays are not kept: they may nest without limit.
using HeaderValue = std::variant<bool, std::int64_t, double, std::string>;

/// What AMQP 0-9-1 lets a publisher say of a message, by the names there; empty: not said.
struct MessageProperties {
  std::string content_type, content_encoding, correlation_id, reply_to, message_id;
  std::string type, app_id;
  std::optional<std::int64_t> timestamp;  // seconds since 1970
  std::optional<std::uint8_t> priority;
  std::map<std::string, HeaderValue> headers;
  bool persistent = true;
};

/// What is known of a message that came, beside its queue and its body. Nothing in it is trusted.
struct MessageHead : MessageProperties {
  std::string user_id, expiration;
  bool redelivered = false;  // a hint: a TTL hop or a republish clears it

  // How this delivery of it came.
  std::string exchange, routing_key, consumer_tag;
  std::uint64_t delivery_tag = 0;

  bool oversized = false;  // the body is above the size limit: only its start is kept
  std::uint64_t size = 0;  // of the whole body, in bytes
  std::string sha256;      // of the whole body, hexadecimal; filled in if `oversized`
};

/// The texts of a head but for its digest, by their AMQP names.
inline constexpr std::pair<const char*, std::string MessageHead::*> head_texts[] = {
    {"message_id", &MessageHead::message_id},
    {"content_type", &MessageHead::content_type},
    {"content_encoding", &MessageHead::content_encoding},
    {"correlation_id", &MessageHead::correlation_id},
    {"reply_to", &MessageHead::reply_to},
    {"type", &MessageHead::type},
    {"app_id", &MessageHead::app_id},
    {"user_id", &MessageHead::user_id},
    {"expiration", &MessageHead::expiration},
    {"exchange", &MessageHead::exchange},
    {"routing_key", &MessageHead::routing_key},
};
/// Those of them that its publisher says; the last two are of its way here.
inline constexpr auto property_texts = std::span(head_texts).first<std::size(head_texts) - 2>();

}  // namespace rbit
