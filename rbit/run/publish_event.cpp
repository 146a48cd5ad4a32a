#include "rbit/run/publish_event.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "rbit/base/base64.h"
#include "rbit/base/quantity.h"
#include "rbit/base/text.h"

namespace rbit {

namespace {

using Json = nlohmann::json;

constexpr std::size_t most_short = 255;  // bytes of AMQP's short texts
// What a broker connection sends and reads of headers (amqp/protocol.h).
constexpr std::size_t most_headers = 64, most_header_bytes = 8192, longest_header_name = 128;
constexpr std::int64_t longest_delay = 24 * 86'400;  // seconds, as `parse_duration` has it

std::string quoted(const std::string& name) {
  return "'" + text::one_line(name, 60) + "'";
}

/// Reads the members one by one; the first mistake counts.
class PublishReader {
 public:
  explicit PublishReader(const Json& said) : said_(said) {}

  PublishEvent read() {
    if (!said_.is_object()) return PublishEvent::wrong("it is no JSON object");
    check_names();
    Destination& to = event_.publication.to;
    MessageProperties& properties = event_.publication.properties;
    read_short("exchange", to.exchange);
    read_short("key", to.key);
    if (to.exchange.empty() && to.key.empty())
      mistake("it has neither exchange nor key (key alone is the name of a queue)");
    read_body();
    read_short("content_type", properties.content_type);
    read_short("correlation_id", properties.correlation_id);
    read_short("reply_to", properties.reply_to);
    read_short("type", properties.type);
    read_priority();
    read_headers();
    read_delay();
    read_when();
    if (!event_.mistake.empty()) return PublishEvent::wrong(std::move(event_.mistake));
    return std::move(event_);
  }

 private:
  void mistake(std::string why) {
    if (event_.mistake.empty()) event_.mistake = std::move(why);
  }

  const Json* find(const char* name) const {
    const auto found = said_.find(name);
    return found == said_.end() ? nullptr : &*found;
  }

  void check_names() {
    static const std::vector<std::string> known{
        "exchange", "key",  "body",           "body_base64", "file", "content_type", "headers",
        "delay",    "when", "correlation_id", "reply_to",    "type", "priority"};
    for (const auto& [name, value] : said_.items()) {
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      const auto meant = text::did_you_mean(name, known);
      return mistake("it has no member " + quoted(name) +
                     (meant ? " (did you mean " + *meant + "?)"
                            : " (known are " + text::join(known, ", ") + ")"));
    }
  }

  void read_short(const char* name, std::string& into) {
    const Json* const value = find(name);
    if (value == nullptr) return;
    if (!value->is_string()) return mistake(std::string(name) + " is no text");
    into = value->get<std::string>();
    if (into.size() > most_short)
      mistake(std::string(name) + " is longer than 255 bytes");
    else if (into.find('\0') != std::string::npos)
      mistake(std::string(name) + " holds a NUL");
  }

  void read_body() {
    const Json *const body = find("body"), *const file = find("file");
    const Json* const bytes = find("body_base64");
    std::string& type = event_.publication.properties.content_type;
    if ((body != nullptr) + (bytes != nullptr) + (file != nullptr) > 1)
      return mistake("it has two of body, body_base64 and file");
    if (body != nullptr && body->is_string()) {
      event_.publication.body = Body(body->get<std::string>());
      type = "text/plain";
    } else if (body != nullptr) {
      event_.publication.body = Body(body->dump());
      type = "application/json";
    } else if (bytes != nullptr) {
      auto decoded =
          bytes->is_string() ? base64::decoded(bytes->get_ref<const std::string&>()) : std::nullopt;
      if (!decoded) return mistake("body_base64 is no base64");
      event_.publication.body = Body(std::move(*decoded));
      type = "application/octet-stream";
    } else if (file != nullptr) {
      if (file->is_string()) event_.file = file->get<std::string>();
      if (event_.file.empty() || event_.file.find('\0') != std::string::npos)
        mistake("file is no path");
      type = "application/octet-stream";
    }
  }

  void read_priority() {
    const Json* const value = find("priority");
    if (value == nullptr) return;
    const bool is_one = value->is_number_unsigned() && value->get<std::uint64_t>() <= 255;
    if (!is_one) return mistake("priority is no whole number from 0 to 255");
    event_.publication.properties.priority = static_cast<std::uint8_t>(value->get<unsigned>());
  }

  void read_headers() {
    const Json* const headers = find("headers");
    if (headers == nullptr) return;
    if (!headers->is_object()) return mistake("headers is no JSON object");
    if (headers->size() > most_headers) return mistake("it has more than 64 headers");
    std::size_t bytes = 0;
    for (const auto& [name, value] : headers->items()) {
      read_header(name, value);
      bytes += name.size() + (value.is_string() ? value.get_ref<const std::string&>().size() : 8);
    }
    if (bytes > most_header_bytes) mistake("its headers have more than 8 KiB together");
  }

  void read_header(const std::string& name, const Json& value) {
    const std::string which = "header " + quoted(name);
    if (name.empty() || name.size() > longest_header_name || name.find('\0') != std::string::npos)
      return mistake(which + " has a name that is empty, longer than 128 bytes or holds a NUL");
    const std::string low = text::lower(name);
    if (low.starts_with("x-rbit-") || low.starts_with("rbit-"))
      return mistake(which + " is rbit's own");
    // RabbitMQ sends to these keys too, which `may-publish` says nothing of.
    if (low == "cc" || low == "bcc") return mistake(which + " would send it elsewhere too");
    HeaderValue& into = event_.publication.properties.headers[name];
    const bool is_large =
        value.is_number_unsigned() &&
        value.get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int64_t>::max()};
    if (value.is_string())
      into = value.get<std::string>();
    else if (value.is_boolean())
      into = value.get<bool>();
    else if (value.is_number_integer() && !is_large)
      into = value.get<std::int64_t>();
    else if (value.is_number_float() || is_large)
      into = value.get<double>();
    else
      mistake(which + " is neither a text nor a number nor true or false");
  }

  void read_delay() {
    const Json* const value = find("delay");
    if (value == nullptr) return;
    std::optional<std::chrono::milliseconds> delay;
    if (value->is_string()) delay = parse_duration(value->get<std::string>());
    if (value->is_number_unsigned() && value->get<std::uint64_t>() <= std::uint64_t{longest_delay})
      delay = std::chrono::seconds(value->get<std::int64_t>());
    if (!delay) return mistake("delay is no duration of at most 24 days, such as 30s or 5m");
    event_.publication.delay = *delay;
  }

  void read_when() {
    const Json* const value = find("when");
    if (value == nullptr || *value == "done") return;
    event_.now = *value == "now";
    if (!event_.now) mistake("when is neither now nor done");
  }

  const Json& said_;
  PublishEvent event_;
};

}  // namespace

PublishEvent PublishEvent::wrong(std::string why) {
  PublishEvent event;
  event.mistake = std::move(why);
  return event;
}

PublishEvent publish_event(const Json& said) {
  return PublishReader(said).read();
}

}  // namespace rbit
