#include "rbit/intake/amqp_message.h"

#include <utility>

#include "rbit/intake/copy.h"

namespace rbit {

Message message_from(amqp::Incoming&& incoming, const std::string& queue) {
  Message message;
  static_cast<MessageHead&>(message) = std::move(incoming);
  message.queue = queue;
  message.body = std::move(incoming.body);
  if (message.exchange.empty()) message.routing_key.clear();  // it is the queue's name
  return message;
}

amqp::Outgoing outgoing_of(const Message& message) {
  amqp::Outgoing out;
  static_cast<MessageProperties&>(out) = message;
  out.persistent = true;
  out.body = message.body;
  std::erase_if(out.headers, [&](const auto& header) {
    const auto& [name, value] = header;
    const auto* time = std::get_if<std::int64_t>(&value);
    const bool is_time =
        time != nullptr && (name == copy_header::first || name == copy_header::died);
    if (is_time) out.time_headers[name] = *time;
    return is_time || name.size() > amqp::max_header_name;
  });
  return out;
}

}  // namespace rbit
