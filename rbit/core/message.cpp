#include "rbit/core/message.h"

#include "rbit/base/sha256.h"
#include "rbit/base/text.h"

namespace rbit {

std::int64_t number_in(const Message& message, const std::string& header, std::int64_t most) {
  const auto found = message.headers.find(header);
  if (found == message.headers.end()) return 0;
  const auto* number = std::get_if<std::int64_t>(&found->second);
  return number == nullptr || *number < 0 || *number > most ? 0 : *number;
}

std::optional<int> attempt_of(const Message& message) {
  const std::int64_t number = number_in(message, attempt_header, 1'000'000);
  return number == 0 ? std::nullopt : std::optional(static_cast<int>(number));
}

std::int64_t replayed_at(const Message& message) {
  return number_in(message, replayed_header);
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
