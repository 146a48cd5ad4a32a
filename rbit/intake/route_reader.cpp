#include "rbit/intake/route_reader.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "rbit/base/text.h"
#include "rbit/intake/message_part.h"

namespace rbit {

namespace {

Result<nlohmann::json> document_of(const Message& message) {
  if (auto whole = check_text(message); !whole) return whole.error();
  return parse_document(message.body);
}

}  // namespace

Result<std::string> runner_for(const Route& route, const Message& message) {
  const MessageFact& by = route.by();
  std::optional<Result<nlohmann::json>> document;
  if (is_in_body(by)) document = document_of(message);
  const nlohmann::json* const body = document && *document ? &**document : nullptr;
  const auto value = value_of(by, message, message.queue, body);
  if (const std::string* runner = route.runner_of(value.value_or(""))) return *runner;
  if (document && !*document) return document->error();
  Error none{"no-route", by.shown + " is missing",
             "name a runner for such messages in [route:" + route.name() + "], by *: RUNNER"};
  if (value)
    none = {"no-route", by.shown + " is '" + text::one_line(*value, 80) + "'",
            "name a runner for it in [route:" + route.name() + "]"};
  return none;
}

}  // namespace rbit
