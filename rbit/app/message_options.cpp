#include "rbit/app/message_options.h"

#include <boost/program_options/value_semantic.hpp>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "rbit/amqp/protocol.h"
#include "rbit/base/json.h"
#include "rbit/base/quantity.h"
#include "rbit/base/result.h"
#include "rbit/base/text.h"
#include "rbit/intake/copy.h"

namespace rbit {

namespace po = boost::program_options;

namespace {

constexpr std::size_t most_text = 255;  // of a property, as AMQP has them

[[noreturn]] void misuse(const std::string& option, const std::string& reason,
                         const std::string& cure) {
  throw Fatal(ExitCode::usage, Error{option, reason, cure});
}

HeaderValue value_from_json(const std::string& shown, const std::string& text) {
  const auto value = json::parse(text);
  if (value && value->is_boolean()) return value->get<bool>();
  if (value && value->is_string()) return value->get<std::string>();
  if (value && value->is_number_float()) return value->get<double>();
  if (value && value->is_number_integer() &&
      (!value->is_number_unsigned() ||
       value->get<std::uint64_t>() <=
           static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())))
    return value->get<std::int64_t>();
  misuse(shown, "what stands behind := is no number, text, true or false in JSON",
         "write NAME=TEXT for a text");
}

/// "NAME=TEXT" or "NAME:=JSON".
void read_header(const std::string& item, Message& message) {
  const std::string shown = "--header " + text::one_line(item, 80);
  const auto equals = item.find('=');
  if (equals == std::string::npos || equals == 0)
    misuse(shown, "is not NAME=TEXT", "or NAME:=JSON for a number, true or false");
  const bool is_json = equals > 1 && item[equals - 1] == ':';
  const std::string name = item.substr(0, equals - (is_json ? 1 : 0));
  const std::string text = item.substr(equals + 1);
  if (name.size() > amqp::max_header_name || !text::is_printable(name))
    misuse(shown, "its name is no name", "128 letters at most, on one line");
  if (name.starts_with(own_header_prefix))
    misuse(shown, "x-rbit-* are rbit's own", "choose another name");
  if (text.find('\0') != std::string::npos) misuse(shown, "has a NUL in it", "");
  if (message.headers.contains(name)) misuse(shown, "is there twice", "leave one of them out");
  message.headers[name] = is_json ? value_from_json(shown, text) : HeaderValue(text);
}

struct TextOption {
  const char* name;
  std::string MessageProperties::*member;
  const char* about;
};

constexpr TextOption texts[] = {
    {"message-id", &MessageProperties::message_id, "its id, which names the job"},
    {"correlation-id", &MessageProperties::correlation_id, "what an answer is told apart by"},
    {"type", &MessageProperties::type, "its type"},
    {"content-type", &MessageProperties::content_type, "what its body is"},
};

}  // namespace

void add_message_options(po::options_description& options) {
  auto add = options.add_options();
  add("header", po::value<std::vector<std::string>>()->composing(),
      "NAME=TEXT or NAME:=JSON (a number, true, false): a header; may be given several times");
  add("priority", po::value<std::string>(), "0 to 255");
  for (const TextOption& option : texts) add(option.name, po::value<std::string>(), option.about);
  add("delay", po::value<std::string>(), "such as 30s: it is delivered then, not before");
}

void read_message_options(const po::variables_map& values, Message& message) {
  for (const TextOption& option : texts) {
    if (values.count(option.name) == 0) continue;
    const auto text = values[option.name].as<std::string>();
    if (text.empty() || text.size() > most_text || !text::is_printable(text))
      misuse("--" + std::string(option.name), "is no line of 1 to 255 bytes", "");
    message.*option.member = text;
  }
  if (values.count("priority") != 0) {
    long long number = 0;
    if (!text::parse_number(values["priority"].as<std::string>(), 0, 255, number))
      misuse("--priority", "is no number from 0 to 255", "");
    message.priority = static_cast<std::uint8_t>(number);
  }
  if (values.count("header") != 0)
    for (const auto& item : values["header"].as<std::vector<std::string>>())
      read_header(item, message);
}

std::chrono::milliseconds time_option(const po::variables_map& values, const char* name) {
  if (values.count(name) == 0) return {};
  const auto text = values[name].as<std::string>();
  const auto time = parse_duration(text);
  if (!time || time->count() < 0)
    misuse("--" + std::string(name), "'" + text::one_line(text, 40) + "' is no time",
           "write a number and ms, s, m, h or d, such as 30s");
  return *time;
}

}  // namespace rbit
