#include "rbit/intake/ack_timeout.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>

namespace rbit {

namespace {

constexpr std::chrono::milliseconds most_impatient{10'000};
constexpr std::chrono::milliseconds most_patient = std::chrono::hours(24 * 365);

}  // namespace

std::optional<std::chrono::milliseconds> acknowledgement_timeout(const amqp::Refusal& why) {
  constexpr std::string_view what = "delivery acknowledgement on channel ";
  constexpr std::string_view limit = "Timeout value used: ";
  constexpr std::chrono::milliseconds unknown(-1);
  const std::string_view text = why.text;
  if (why.code != amqp::precondition_failed || text.find(what) == text.npos) return std::nullopt;
  const auto at = text.find(limit);
  if (at == text.npos) return unknown;
  const std::string_view number = text.substr(at + limit.size());
  std::int64_t value = -1;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  const std::string_view unit(end, static_cast<std::size_t>(number.data() + number.size() - end));
  if (error != std::errc() || value <= 0 || !unit.starts_with(" ms")) return unknown;
  return std::min(std::chrono::milliseconds(value), most_patient);
}

std::chrono::milliseconds ack_after_for(std::chrono::milliseconds limit) {
  return std::max(limit, most_impatient) / 3;
}

}  // namespace rbit
