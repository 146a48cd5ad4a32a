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
