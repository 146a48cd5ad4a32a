#include "rbit/run/metadata.h"

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>

namespace rbit {

namespace {

using nlohmann::ordered_json;

/// As RFC 3339, in UTC. No time, and one beyond the years 1 to 9999, is the zero time of its shape.
std::string time_text(std::optional<std::int64_t> seconds) {
  constexpr std::int64_t year_one = -62'135'596'800, year_10000 = 253'402'300'800;
  if (!seconds || *seconds < year_one || *seconds >= year_10000) return "0001-01-01T00:00:00Z";
  const auto time = static_cast<std::time_t>(*seconds);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  return text;
}

ordered_json headers_of(const Message& message) {
  ordered_json headers;  // null where there are none
  for (const auto& [name, value] : message.headers)
    std::visit([&, &key = name](const auto& one) { headers[key] = one; }, value);
  return headers;
}

}  // namespace

std::string message_metadata(const Message& message, const std::string& queue) {
  ordered_json properties;
  properties["application_headers"] = headers_of(message);
  properties["content_type"] = message.content_type;
  properties["content_encoding"] = message.content_encoding;
  properties["delivery_mode"] = message.persistent ? 2 : 1;
  properties["priority"] = message.priority.value_or(0);
  properties["correlation_id"] = message.correlation_id;
  properties["reply_to"] = message.reply_to;
  properties["expiration"] = message.expiration;
  properties["message_id"] = message.message_id;
  properties["timestamp"] = time_text(message.timestamp);
  properties["type"] = message.type;
  properties["user_id"] = message.user_id;
  properties["app_id"] = message.app_id;

  const bool straight = message.exchange.empty();
  ordered_json delivery;
  delivery["message_count"] = 0;  // only an answer to basic.get has one, and nobody needs it
  delivery["consumer_tag"] = message.consumer_tag;
  delivery["delivery_tag"] = message.delivery_tag;
  delivery["redelivered"] = message.redelivered;
  delivery["exchange"] = message.exchange;
  delivery["routing_key"] = straight ? queue : message.routing_key;

  ordered_json metadata;
  metadata["properties"] = std::move(properties);
  metadata["delivery_info"] = std::move(delivery);
  return metadata.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace rbit
