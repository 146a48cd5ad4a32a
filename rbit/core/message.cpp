#include "rbit/core/message.h"

#include "rbit/base/text.h"

namespace rbit {

std::optional<int> attempt_of(const Message& message) {
  const auto header = message.headers.find(attempt_header);
  if (header == message.headers.end()) return std::nullopt;
  const auto* number = std::get_if<std::int64_t>(&header->second);
  if (number == nullptr || *number < 1 || *number > 1'000'000) return std::nullopt;
  return static_cast<int>(*number);
}

std::int64_t replayed_at(const Message& message) {
  const auto stamp = message.headers.find(replayed_header);
  if (stamp == message.headers.end()) return 0;
  const auto* time = std::get_if<std::int64_t>(&stamp->second);
  return time == nullptr || *time < 0 ? 0 : *time;
}

Message envelope_of(const Message& message) {
  Message envelope;
  envelope.queue = message.queue;
  envelope.redelivered = message.redelivered;
  envelope.message_id = message.message_id;
  envelope.content_type = message.content_type;
  envelope.content_encoding = message.content_encoding;
  envelope.correlation_id = message.correlation_id;
  envelope.reply_to = message.reply_to;
  envelope.type = message.type;
  envelope.app_id = message.app_id;
  envelope.user_id = message.user_id;
  envelope.expiration = message.expiration;
  envelope.timestamp = message.timestamp;
  envelope.priority = message.priority;
  envelope.headers = message.headers;
  envelope.persistent = message.persistent;
  envelope.exchange = message.exchange;
  envelope.routing_key = message.routing_key;
  envelope.consumer_tag = message.consumer_tag;
  envelope.delivery_tag = message.delivery_tag;
  envelope.oversized = message.oversized;
  envelope.size = message.size;
  envelope.sha256 = message.sha256;
  return envelope;
}

std::string key_of(const Message& message) {
  // An id is somebody's text: one that is empty, long or odd would not do as a name.
  const std::string& id = message.message_id;
  if (!id.empty() && id.size() <= 255 && text::is_printable(id)) return id;
  return digest_of(message);
}

std::string digest_of(const Message& message) {
  const std::string& body = message.oversized ? message.sha256 : message.body;
  // Bytes in an encoding that nobody reads here are no job, and never the same message as one.
  const std::string encoding =
      is_plain_encoding(message) ? "" : '\0' + text::lower(message.content_encoding);
  return text::sha256_hex(message.queue + '\0' + body + encoding);
}

bool is_plain_encoding(const Message& message) {
  const std::string encoding = text::lower(message.content_encoding);
  return encoding.empty() || encoding == "identity" || encoding == "none" || encoding == "utf-8" ||
         encoding == "utf8";
}

}  // namespace rbit
