#include "rbit/intake/ack_timeout.h"

#include <charconv>
#include <cstdint>
#include <string_view>

namespace rbit {

std::optional<std::chrono::milliseconds> acknowledgement_timeout(const amqp::Refusal& why) {
  constexpr int precondition_failed = 406;
  constexpr std::string_view what = "delivery acknowledgement on channel ";
  constexpr std::string_view limit = "Timeout value used: ";
  const std::string_view text = why.text;
  if (why.code != precondition_failed || text.find(what) == text.npos) return std::nullopt;
  const auto at = text.find(limit);
  if (at == text.npos) return std::chrono::milliseconds(-1);
  const std::string_view number = text.substr(at + limit.size());
  std::int64_t value = -1;
  std::from_chars(number.data(), number.data() + number.size(), value);
  return std::chrono::milliseconds(value);
}

}  // namespace rbit
