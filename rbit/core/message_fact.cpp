#include "rbit/core/message_fact.h"

#include <nlohmann/json.hpp>

#include "rbit/base/json.h"

namespace rbit {

std::string plain_text(const HeaderValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return std::visit([](const auto& one) { return nlohmann::json(one).dump(); }, value);
}

std::optional<std::string> value_of(const MessageFact& fact, const MessageHead& head,
                                    const nlohmann::json* document) {
  if (fact.of == MessageFact::Of::header) {
    const auto found = head.headers.find(fact.name);
    if (found != head.headers.end()) return plain_text(found->second);
  }
  if (fact.of == MessageFact::Of::member && document != nullptr) {
    const nlohmann::json* value = json::find(*document, fact.name);
    if (value != nullptr && !value->is_null()) return json::plain_text(*value);
  }
  return std::nullopt;
}

const std::string& routing_key_of(const MessageHead& head, const std::string& queue) {
  return head.exchange.empty() ? queue : head.routing_key;
}

}  // namespace rbit
