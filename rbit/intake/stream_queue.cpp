#include "rbit/intake/stream_queue.h"

#include <string>

namespace rbit {

std::optional<amqp::Refusal> stream_refusal(const amqp::Refusal& why) {
  const auto says = [&](const char* words) { return why.text.find(words) != std::string::npos; };
  // What RabbitMQ says to basic.get, and to a declaration of a plain queue of that name.
  if (!says("not supported by stream queues") &&
      !(says("arg 'x-queue-type' ") && says("current is the value 'stream'")))
    return std::nullopt;
  amqp::Refusal refusal = why;
  refusal.text = "it is a stream, and rbit reads queues that give each message once: " + why.text;
  refusal.cure = "make a classic or a quorum queue for the jobs";
  return refusal;
}

}  // namespace rbit
