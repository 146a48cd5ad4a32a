#include "rbit/core/report.h"

#include "rbit/base/text.h"

namespace rbit {

std::string message_id_of(const std::string& key, int attempt, int number) {
  const std::string tail = ":" + std::to_string(attempt) + ":" + std::to_string(number);
  // AMQP's short strings end at 255 bytes, and a key may be a message id of that length.
  return (key.size() + tail.size() > 255 ? text::sha256_hex(key) : key) + tail;
}

}  // namespace rbit
