#include "rbit/intake/message_part.h"

#include <cstdint>
#include <utility>

#include "rbit/base/json.h"
#include "rbit/base/text.h"

namespace rbit {

std::string in_quotes(std::string_view text) {
  return "'" + text::one_line(text, 60) + "'";
}

Part::Part(const nlohmann::json* value, std::string path, const char* label)
    : path_(std::move(path)) {
  if (value == nullptr || value->is_null()) return;
  if (!value->is_object()) throw Invalid{path_ + " is no object"};
  members_ = value;
  const nlohmann::json* named = find("py/object");
  if (named == nullptr) return;
  const std::string expected = std::string("pybit.models.") + label;
  if (!named->is_string() || *named != expected)
    throw Invalid{
        path_ + ": py/object is " +
        (named->is_string() ? in_quotes(named->get_ref<const std::string&>()) : "no text") +
        " where " + expected + " belongs"};
}

const nlohmann::json* Part::find(const char* member) const {
  if (members_ == nullptr) return nullptr;
  const auto found = members_->find(member);
  return found == members_->end() ? nullptr : &*found;
}

std::string Part::text(const char* member) const {
  const nlohmann::json* value = find(member);
  if (value == nullptr || value->is_null()) return "";
  if (!value->is_string()) throw Invalid{path(member) + " is no text"};
  return value->get<std::string>();
}

namespace {

/// Where a value stands; a text only when something is refused there.
struct Way {
  const Way* above = nullptr;
  std::string_view name;

  std::string text() const {
    if (above == nullptr) return std::string(name);
    const std::string own = text::one_line(name, 60), before = above->text();
    return before == "message" ? own : before + "." + own;
  }
};

void refuse_code_at(const nlohmann::json& value, const Way& way) {
  if (value.is_array()) {
    for (const nlohmann::json& item : value) refuse_code_at(item, way);  // depth is limited to 32
  } else if (value.is_object()) {
    for (const auto& [name, member] : value.items()) {
      if (name.rfind("py/", 0) == 0 && name != "py/object")
        throw Invalid{way.text() + ": member " + in_quotes(name) + " is not allowed"};
      if (name.find('\0') != std::string::npos)
        throw Invalid{way.text() + ": a name has a NUL in it"};
      refuse_code_at(member, {&way, name});
    }
  } else if (value.is_string()) {
    if (value.get_ref<const std::string&>().find('\0') != std::string::npos)
      throw Invalid{way.text() + " has a NUL in it"};
  }
}

}  // namespace

Result<void> check_whole(const Message& message) {
  if (!message.oversized) return {};
  return Error{"undecodable",
               "the body has " + std::to_string(message.size) + " bytes, more than 4 MiB"};
}

Result<void> check_text(const Message& message) {
  if (auto whole = check_whole(message); !whole) return whole;
  if (is_plain_encoding(message)) return {};
  return Error{"undecodable", "content_encoding " + in_quotes(message.content_encoding)};
}

Result<nlohmann::json> parse_document(std::string_view body) {
  if (text::trim(body).empty()) return Error{"undecodable", "the body is empty"};
  Result<nlohmann::json> document = json::parse(body);
  if (!document) return Error{"undecodable", document.error().reason};
  return document;
}

void refuse_code(const nlohmann::json& document) {
  if (!document.is_object()) throw Invalid{"the message is no object"};
  refuse_code_at(document, {nullptr, "message"});
}

std::string id_of(const Part& job) {
  const nlohmann::json* id = job.find("id");
  if (id == nullptr || id->is_null()) throw Invalid{"job.id is missing"};
  std::string digits;
  if (id->is_number_unsigned()) digits = std::to_string(id->get<std::uint64_t>());
  if (id->is_string()) digits = id->get<std::string>();
  const bool number = !digits.empty() && digits.size() <= 18 &&
                      digits.find_first_not_of("0123456789") == digits.npos;
  if (!number) throw Invalid{"job.id is no number of 1 to 18 digits"};
  return digits;
}

}  // namespace rbit
