#include "rbit/base/json.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "rbit/base/secrets.h"
#include "rbit/base/text.h"

namespace rbit::json {

namespace {

using nlohmann::json;

/// Builds the document event by event and stops at the first thing that is not allowed.
class Builder : public nlohmann::json_sax<json> {
 public:
  explicit Builder(const Limits& limits) : limits_(limits) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override {
    if (value.size() > limits_.string_bytes) return stop("a string is too long");
    return add(std::move(value));
  }
  bool binary(binary_t&) override { return stop("binary data"); }
  bool start_object(std::size_t) override { return open(json::object()); }
  bool start_array(std::size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (name.size() > limits_.string_bytes) return stop("a name is too long");
    if (open_.back()->contains(name))
      return stop("member '" + text::one_line(name, 60) + "' stands twice");
    key_ = std::move(name);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    const bool range = error.id == 406;  // nlohmann's out_of_range.406: a number overflows
    return stop((range ? "a number is out of range at byte " : "not JSON at byte ") +
                std::to_string(position));
  }

  json take() { return std::move(root_); }
  const std::string& why() const { return why_; }

 private:
  bool stop(std::string why) {
    if (why_.empty()) why_ = std::move(why);
    return false;
  }
  json* place(json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    return &(parent[key_] = std::move(value));
  }
  bool add(json value) {
    if (++nodes_ > limits_.nodes) return stop("too many values");
    place(std::move(value));
    return true;
  }
  bool open(json value) {
    if (++nodes_ > limits_.nodes) return stop("too many values");
    if (static_cast<int>(open_.size()) >= limits_.depth)
      return stop("nested deeper than " + std::to_string(limits_.depth));
    open_.push_back(place(std::move(value)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  const Limits& limits_;
  json root_;
  // Pointers into the tree: a parent's place does not move while it is open, since only its own
  // last child grows.
  std::vector<json*> open_;
  std::string key_, why_;
  std::size_t nodes_ = 0;
};

/// In place; recursion is bounded by the depth that `parse` allows.
void redact(json& value) {
  if (value.is_object()) {
    json kept = json::object();
    for (auto& [name, member] : value.items()) {
      redact(member);
      kept[secrets::redacted(name)] = std::move(member);
    }
    value = std::move(kept);
  } else if (value.is_array()) {
    for (json& one : value) redact(one);
  } else if (value.is_string()) {
    value = secrets::redacted(value.get_ref<const std::string&>());
  } else if (value.is_number()) {
    const std::string digits = value.dump();
    std::string shown = secrets::redacted(digits);
    if (shown != digits) value = std::move(shown);
  }
}

}  // namespace

Result<json> parse(std::string_view text, const Limits& limits) {
  if (text.size() > limits.bytes)
    return Error{"", "larger than " + std::to_string(limits.bytes) + " bytes", ""};
  if (!text::is_utf8(text)) return Error{"", "not UTF-8", ""};
  // The library takes the first for the end of the text, and skips the other: who reads the same
  // bytes with another one would read something else.
  if (const auto nul = text.find('\0'); nul != std::string_view::npos)
    return Error{"", "not JSON at byte " + std::to_string(nul + 1), ""};
  if (text.starts_with("\xEF\xBB\xBF")) return Error{"", "begins with a byte order mark", ""};
  Builder builder(limits);
  const bool whole = json::sax_parse(text.begin(), text.end(), &builder);
  if (!whole) return Error{"", builder.why(), ""};
  // Said outright: a json converts to anything, an Error too.
  return Result<json>(boost::system::in_place_value, builder.take());
}

std::string redacted(const std::string& text) {
  if (secrets::redacted(text) == text) return text;
  auto document = parse(text, Limits{16 << 20, 64, 1'000'000, 16 << 20});
  if (!document) return "null";
  redact(*document);
  return document->dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string wrong_pointer(std::string_view pointer) {
  if (!pointer.empty() && pointer.front() != '/') return "does not begin with /";
  for (std::size_t at = pointer.find('~'); at != pointer.npos; at = pointer.find('~', at + 1))
    if (at + 1 == pointer.size() || (pointer[at + 1] != '0' && pointer[at + 1] != '1'))
      return "has a ~ without 0 or 1 behind it (write ~0 for ~, ~1 for /)";
  return "";
}

namespace {

/// A part of a pointer as the name it stands for.
std::string unescaped(std::string_view part) {
  std::string name;
  for (std::size_t at = 0; at < part.size(); ++at)
    if (part[at] == '~')
      name += part[++at] == '0' ? '~' : '/';
    else
      name += part[at];
  return name;
}

const json* find_in(const json& value, std::string_view part) {
  if (value.is_object()) {
    const auto found = value.find(unescaped(part));
    return found == value.end() ? nullptr : &*found;
  }
  long long index = 0;
  const bool is_index =
      value.is_array() && (part == "0" || !part.starts_with('0')) && text::has_only(part, "") &&
      text::parse_number(part, 0, static_cast<long long>(value.size()) - 1, index);
  return is_index ? &value[static_cast<std::size_t>(index)] : nullptr;
}

}  // namespace

const json* find(const json& document, std::string_view pointer) {
  if (!wrong_pointer(pointer).empty()) return nullptr;
  const json* value = &document;
  while (!pointer.empty() && value != nullptr) {
    pointer.remove_prefix(1);
    const std::string_view part = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(part.size());
    value = find_in(*value, part);
  }
  return value;
}

std::string plain_text(const json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string text_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace rbit::json
