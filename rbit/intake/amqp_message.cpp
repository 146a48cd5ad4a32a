#include "rbit/intake/amqp_message.h"

#include <utility>

#include "rbit/intake/copy.h"

namespace rbit {

Message message_from(amqp::Incoming&& incoming, const std::string& queue) {
  Message message;
  message.queue = queue;
  message.body = std::move(incoming.body);
  message.redelivered = incoming.redelivered;
  message.message_id = std::move(incoming.message_id);
  message.content_type = std::move(incoming.content_type);
  message.content_encoding = std::move(incoming.content_encoding);
  message.correlation_id = std::move(incoming.correlation_id);
  message.reply_to = std::move(incoming.reply_to);
  message.type = std::move(incoming.type);
  message.app_id = std::move(incoming.app_id);
  message.user_id = std::move(incoming.user_id);
  message.expiration = std::move(incoming.expiration);
  if (!incoming.exchange.empty()) {  // else the key is the queue's name
    message.exchange = std::move(incoming.exchange);
    message.routing_key = std::move(incoming.routing_key);
  }
  message.consumer_tag = std::move(incoming.consumer_tag);
  message.delivery_tag = incoming.delivery_tag;
  message.timestamp = incoming.timestamp;
  message.priority = incoming.priority;
  message.headers = std::move(incoming.headers);
  message.persistent = incoming.persistent;
  message.oversized = incoming.oversized;
  message.size = incoming.size;
  message.sha256 = std::move(incoming.sha256);
  return message;
}

amqp::Outgoing outgoing_of(const Message& message) {
  amqp::Outgoing out;
  out.body = message.body;
  out.content_type = message.content_type;
  out.content_encoding = message.content_encoding;
  out.correlation_id = message.correlation_id;
  out.reply_to = message.reply_to;
  out.type = message.type;
  out.app_id = message.app_id;
  out.message_id = message.message_id;
  out.timestamp = message.timestamp;
  out.priority = message.priority;
  constexpr std::size_t longest_name = 128;  // the protocol's; one that is longer cannot be sent
  for (const auto& [name, value] : message.headers) {
    const auto* time = std::get_if<std::int64_t>(&value);
    if (time != nullptr && (name == copy_header::first || name == copy_header::died))
      out.time_headers[name] = *time;
    else if (name.size() <= longest_name)
      out.headers[name] = value;
  }
  return out;
}

}  // namespace rbit
