#include "rbit/core/message_codec.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/base/text.h"
#include "rbit/core/job_field.h"

namespace rbit {

namespace {

using nlohmann::json;

json text_value(const std::string& bytes) {
  if (text::is_utf8(bytes)) return bytes;
  return json{{"hex", text::hex(bytes)}};
}

bool read_text(const json& value, std::string& out) {
  if (value.is_string()) {
    out = value.get<std::string>();
    return true;
  }
  if (!value.is_object() || !value.contains("hex") || !value["hex"].is_string()) return false;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  const auto& hex = value["hex"].get_ref<const std::string&>();
  out.clear();
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  return true;
}

void read_text(const json& object, std::string_view name, std::string& out) {
  if (const auto found = object.find(name); found != object.end()) read_text(*found, out);
}

void read_flag(const json& object, const char* name, bool& out) {
  if (const auto found = object.find(name); found != object.end() && found->is_boolean())
    out = found->get<bool>();
}

json header_value(const HeaderValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return text_value(*text);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  return std::get<double>(value);
}

void read_header(const std::string& name, const json& value, MessageHead& message) {
  std::string bytes;
  if (value.is_boolean()) message.headers[name] = value.get<bool>();
  if (value.is_number_integer()) message.headers[name] = value.get<std::int64_t>();
  if (value.is_number_float()) message.headers[name] = value.get<double>();
  if (read_text(value, bytes)) message.headers[name] = std::move(bytes);
}

}  // namespace

std::string properties_to_json(const MessageHead& message) {
  json out = json::object();
  for (const auto& [name, member] : head_texts)
    if (!(message.*member).empty()) out[name] = text_value(message.*member);
  if (!message.sha256.empty()) out["sha256"] = text_value(message.sha256);
  if (message.timestamp) out["timestamp"] = *message.timestamp;
  if (message.priority) out["priority"] = *message.priority;
  if (!message.persistent) out["persistent"] = false;
  if (message.oversized) out["oversized"] = true;
  if (message.size != 0) out["size"] = message.size;
  // Pairs, not members: a header's name may be any bytes too.
  for (const auto& [name, value] : message.headers)
    out["headers"].push_back(json::array({text_value(name), header_value(value)}));
  return out.dump();
}

void properties_from_json(std::string_view text, MessageHead& message) {
  if (text.empty()) return;  // a report that carries no message
  const json in = json::parse(text, nullptr, false);
  if (!in.is_object()) return;
  for (const auto& [name, member] : head_texts) read_text(in, name, message.*member);
  read_text(in, "sha256", message.sha256);
  if (const auto time = in.find("timestamp"); time != in.end() && time->is_number_integer())
    message.timestamp = time->get<std::int64_t>();
  if (const auto priority = in.find("priority");
      priority != in.end() && priority->is_number_unsigned() && *priority <= 255u)
    message.priority = priority->get<std::uint8_t>();
  read_flag(in, "persistent", message.persistent);
  read_flag(in, "oversized", message.oversized);
  if (const auto size = in.find("size"); size != in.end() && size->is_number_unsigned())
    message.size = size->get<std::uint64_t>();
  if (!in.contains("headers") || !in["headers"].is_array()) return;
  for (const auto& header : in["headers"]) {
    std::string name;
    if (header.is_array() && header.size() == 2 && read_text(header[0], name))
      read_header(name, header[1], message);
  }
}

std::string request_to_json(const Job& job) {
  json out = json::object();
  const BuildRequest& request = job.request;
  if (job.kind != MessageKind::pybit) out["kind"] = to_string(job.kind);
  for (const JobField& field : job_fields)
    if (field.text != nullptr && !(request.*field.text).empty())
      out[field.name] = text_value(request.*field.text);
  if (request.master) out["master"] = true;
  return out.dump();
}

void request_from_json(std::string_view text, Job& job) {
  BuildRequest& request = job.request;
  const json in = json::parse(text, nullptr, false);
  if (!in.is_object()) return;
  if (const auto kind = in.find("kind"); kind != in.end() && kind->is_string())
    job.kind = value_in(message_kind_names, kind->get_ref<const std::string&>())
                   .value_or(MessageKind::pybit);
  for (const JobField& field : job_fields)
    if (field.text != nullptr) read_text(in, field.name, request.*field.text);
  read_flag(in, "master", request.master);
}

}  // namespace rbit
