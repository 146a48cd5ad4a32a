#include "rbit/core/report.h"

#include <nlohmann/json.hpp>

#include "rbit/base/text.h"

namespace rbit {

std::string message_id_of(const std::string& key, int attempt, int number) {
  const std::string tail = ":" + std::to_string(attempt) + ":" + std::to_string(number);
  // AMQP's short strings end at 255 bytes, and a key may be a message id of that length.
  return (key.size() + tail.size() > 255 ? text::sha256_hex(key) : key) + tail;
}

std::string json_name_of(const std::string& job_id, const std::string& key) {
  using nlohmann::json;
  if (job_id.empty()) return json(key).dump(-1, ' ', true, json::error_handler_t::replace);
  long long number = 0;
  const bool is_number = text::parse_number(job_id, 0, 999'999'999'999'999'999, number);
  return is_number ? std::to_string(number) : std::string();
}

std::string explanation(const std::string& reason, const std::string& message) {
  if (reason.empty()) return message;
  if (message.empty() || message == reason) return reason;
  return reason + ": " + message;
}

}  // namespace rbit
