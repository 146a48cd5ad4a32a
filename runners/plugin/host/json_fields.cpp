#include "runners/plugin/host/json_fields.h"

#include <nlohmann/json.hpp>

#include "rbit/base/json.h"
#include "rbit/base/text.h"

namespace rbit::plugin_host {
namespace {

using Json = nlohmann::json;

// One part of a pointer: "~1" is a slash, "~0" a tilde.
std::optional<std::string> unescaped(std::string_view part) {
  std::string name;
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (part[i] != '~') {
      name += part[i];
    } else {
      if (++i == part.size() || (part[i] != '0' && part[i] != '1')) return std::nullopt;
      name += part[i] == '0' ? '~' : '/';
    }
  }
  return name;
}

const Json* element(const Json& array, const std::string& number) {
  if (number.size() > 1 && number[0] == '0') return nullptr;
  long long index = 0;
  const auto last = static_cast<long long>(array.size()) - 1;
  if (!text::has_only(number, "") || !text::parse_number(number, 0, last, index)) return nullptr;
  return &array[static_cast<std::size_t>(index)];
}

const Json* find(const Json& root, std::string_view pointer) {
  const Json* here = &root;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);  // a slash
    const std::string_view part = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(part.size());
    const auto name = unescaped(part);
    if (!name) return nullptr;
    if (here->is_object()) {
      const auto found = here->find(*name);
      here = found == here->end() ? nullptr : &*found;
    } else {
      here = here->is_array() ? element(*here, *name) : nullptr;
    }
    if (here == nullptr) return nullptr;
  }
  return here;
}

}  // namespace

JsonFields::JsonFields(const std::string& body) : body_(body) {}
JsonFields::~JsonFields() = default;

const char* JsonFields::at(std::string_view pointer) const {
  if (!pointer.starts_with('/')) return nullptr;
  const std::lock_guard lock(mutex_);
  auto found = found_.find(pointer);
  if (found == found_.end()) found = found_.emplace(pointer, text_at(pointer)).first;
  return found->second ? found->second->c_str() : nullptr;
}

std::optional<std::string> JsonFields::text_at(std::string_view pointer) const {
  if (!root_) {
    auto parsed = json::parse(body_);
    root_ =
        std::make_unique<const Json>(parsed ? std::move(*parsed) : Json(Json::value_t::discarded));
  }
  const Json* const value = find(*root_, pointer);
  if (value == nullptr || value->is_null()) return std::nullopt;
  std::string text = value->is_string() ? value->get<std::string>() : value->dump();
  if (text.find('\0') != std::string::npos) return std::nullopt;
  return text;
}

}  // namespace rbit::plugin_host
