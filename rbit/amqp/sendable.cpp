#include "rbit/amqp/sendable.h"

#include <string>

namespace rbit::amqp {

bool is_sendable(const Outgoing& message) {
  constexpr std::size_t short_string = 255, header_bytes = 64 << 10;
  for (const std::string* text :
       {&message.exchange, &message.routing_key, &message.content_type, &message.content_encoding,
        &message.correlation_id, &message.reply_to, &message.message_id})
    if (text->size() > short_string) return false;
  std::size_t bytes = 0;
  for (const auto& [key, value] : message.headers) {
    const auto* text = std::get_if<std::string>(&value);
    if (key.size() > max_header_name) return false;
    bytes += key.size() + 16 + (text ? text->size() : 0);
  }
  return bytes <= header_bytes;
}

}  // namespace rbit::amqp
