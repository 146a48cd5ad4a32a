#include "rbit/intake/amqp_message.h"

#include <utility>

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

}  // namespace rbit
