#include "runners/plugin/host/sending.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <nlohmann/json.hpp>

#include "rbit/base/base64.h"
#include "rbit/base/json.h"
#include "rbit/base/text.h"

namespace rbit::plugin_host::sending {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kNameLimit = 255;  // bytes of an exchange or a key, as AMQP has it
// The rest of the line is for the verdict.
constexpr std::size_t kResultLimit = 56 * 1024;
// rbit reads a little more in a line.
constexpr json::Limits kResultLimits{kMaxLine, 32, 9900, kMaxLine};
constexpr json::Limits kScalarLimits{64, 1, 1, 64};

Result<void> check_text(const std::string& what, std::string_view text) {
  if (!text::is_utf8(text)) return Error{"", what + " is not UTF-8", ""};
  return {};
}

Result<void> check_name(const std::string& what, std::string_view text) {
  if (text.size() > kNameLimit)
    return Error{"", what + " is longer than " + std::to_string(kNameLimit) + " bytes", ""};
  return check_text(what, text);
}

Result<void> check_number(const std::string& what, double value) {
  if (!std::isfinite(value)) return Error{"", what + " is no number to count with", ""};
  return {};
}

std::string_view or_empty(const char* given) {
  return given == nullptr ? "" : given;
}

Result<void> add_header(Json& headers, const rbit_header_value& header) {
  const std::string_view name = or_empty(header.name);
  const std::string_view value = or_empty(header.value);
  if (auto fits = check_name("the name of a header", name); !fits) return fits;
  const std::string what = "header " + std::string(name);
  if (auto fits = check_text(what, value); !fits) return fits;
  if (header.is_json == 0) {
    headers[std::string(name)] = value;
    return {};
  }
  const auto scalar = json::parse(value, kScalarLimits);
  if (!scalar || !(scalar->is_number() || scalar->is_boolean()))
    return Error{"", what + " is neither a number nor true or false in JSON", ""};
  headers[std::string(name)] = *scalar;
  return {};
}

// Those that the plugin's header knew; what it did not know is not said.
rbit_publish_options known(const rbit_publish_options* given) {
  rbit_publish_options options = {};
  if (given != nullptr)
    std::memcpy(&options, given, std::min<std::size_t>(given->size, sizeof options));
  return options;
}

Result<void> add_options(Json& message, const rbit_publish_options& options) {
  const std::pair<const char*, const char*> texts[] = {{"file", options.file},
                                                       {"delay", options.delay}};
  for (const auto& [name, text] : texts) {
    if (text == nullptr) continue;
    if (auto fits = check_text(name, text); !fits) return fits;
    message[name] = text;
  }
  const std::pair<const char*, const char*> names[] = {{"content_type", options.content_type},
                                                       {"correlation_id", options.correlation_id},
                                                       {"reply_to", options.reply_to},
                                                       {"type", options.type}};
  for (const auto& [name, text] : names) {
    if (text == nullptr) continue;
    if (auto fits = check_name(name, text); !fits) return fits;
    message[name] = text;
  }
  if (options.priority != 0) message["priority"] = options.priority;
  for (std::size_t i = 0; options.headers != nullptr && i < options.header_count; ++i)
    if (auto added = add_header(message["headers"], options.headers[i]); !added) return added;
  if (options.now != 0) message["when"] = "now";
  return {};
}

}  // namespace

Result<void> publish(EventChannel& events, std::string_view exchange, std::string_view key,
                     std::string_view body, const rbit_publish_options* options) {
  if (auto fits = check_name("exchange", exchange); !fits) return fits;
  if (auto fits = check_name("key", key); !fits) return fits;
  if (exchange.empty() && key.empty())
    return Error{"", "the default exchange needs the name of a queue as the key", ""};
  Json message{{"exchange", exchange}, {"key", key}};
  const rbit_publish_options how = known(options);
  if (how.file != nullptr && !body.empty())
    return Error{"", "a message has a body or a file, one of them", ""};
  if (how.file == nullptr) {
    if (text::is_utf8(body))
      message["body"] = body;
    else
      message["body_base64"] = base64::encoded(body);
  }
  if (auto added = add_options(message, how); !added) return added;
  return events.send(Json{{"publish", std::move(message)}},
                     "write what is to be sent to a file and name that in the options");
}

Result<void> progress(EventChannel& events, double done, double total, std::string_view text) {
  if (auto fits = check_number("done", done); !fits) return fits;
  if (auto fits = check_number("total", total); !fits) return fits;
  const Json progress{{"done", done}, {"total", total}, {"text", cut(text)}};
  return events.send(Json{{"progress", progress}}, "");
}

Result<void> metric(EventChannel& events, std::string_view name, int change, double value,
                    const rbit_label* labels, std::size_t label_count) {
  if (name.empty()) return Error{"", "a metric needs a name", ""};
  if (auto fits = check_text("name", name); !fits) return fits;
  if (change < RBIT_ADD || change > RBIT_SET_NOW)
    return Error{"", "change " + std::to_string(change) + " is not known", ""};
  if (auto fits = check_number("value", value); !fits) return fits;
  Json metric{{"name", name}};
  metric[change == RBIT_ADD || change == RBIT_ADD_NOW ? "add" : "set"] = value;
  for (std::size_t i = 0; labels != nullptr && i < label_count; ++i) {
    const std::string label(or_empty(labels[i].name));
    if (auto fits = check_text("the name of a label", label); !fits) return fits;
    if (auto fits = check_text("label " + label, or_empty(labels[i].value)); !fits) return fits;
    metric["labels"][label] = or_empty(labels[i].value);
  }
  if (change == RBIT_ADD_NOW || change == RBIT_SET_NOW) metric["when"] = "now";
  return events.send(Json{{"metric", std::move(metric)}}, "");
}

Result<std::string> checked_result(std::string_view json) {
  const std::string limit = std::to_string(kResultLimit);
  const std::string cure = "write it to a file, which can be an artifact or be published";
  if (json.size() > kMaxLine)
    return Error{"",
                 "a result of " + std::to_string(json.size()) + " bytes; " + limit +
                     " bytes of JSON is the most",
                 cure};
  if (const auto parsed = json::parse(json, kResultLimits); !parsed)
    return Error{"", "the result: " + parsed.error().reason, ""};
  std::string line = Json::parse(json).dump();  // in the order it has
  if (line.size() > kResultLimit)
    return Error{
        "",
        "a result of " + std::to_string(line.size()) + " bytes of JSON; " + limit + " is the most",
        cure};
  return line;
}

}  // namespace rbit::plugin_host::sending
