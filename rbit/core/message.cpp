#include "rbit/core/message.h"

#include "rbit/base/sha256.h"
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

namespace {

/// An id is somebody's text: one that is empty, long or odd would not do as a name.
bool is_a_key(const std::string& id) {
  return !id.empty() && id.size() <= 255 && text::is_printable(id);
}

}  // namespace

std::string key_of(const Message& message) {
  return is_a_key(message.message_id) ? message.message_id : digest_of(message);
}

std::string key_of(const Message& message, const std::string& digest) {
  return is_a_key(message.message_id) ? message.message_id : digest;
}

std::string digest_of(const Message& message) {
  constexpr std::string_view between("\0", 1);
  Sha256 digest;
  digest.add(message.queue).add(between);
  digest.add(message.oversized ? message.sha256 : message.body.bytes());
  // Bytes in an encoding that nobody reads here are no job, and never the same message as one.
  if (!is_plain_encoding(message)) digest.add(between).add(text::lower(message.content_encoding));
  return digest.hex();
}

bool is_plain_encoding(const Message& message) {
  const std::string encoding = text::lower(message.content_encoding);
  return encoding.empty() || encoding == "identity" || encoding == "none" || encoding == "utf-8" ||
         encoding == "utf8";
}

}  // namespace rbit
