#include "runners/plugin/host/json_fields.h"

#include <nlohmann/json.hpp>

#include "rbit/base/json.h"
#include "rbit/core/task_message.h"

namespace rbit::plugin_host {

using Json = nlohmann::json;

JsonFields::JsonFields(const std::string& body, bool is_task) : body_(body), is_task_(is_task) {}
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
    Json root = parsed ? std::move(*parsed) : Json(Json::value_t::discarded);
    root_ = std::make_unique<const Json>(is_task_ ? without_envelope(std::move(root)) : root);
  }
  const Json* const value = json::find(*root_, pointer);
  if (value == nullptr || value->is_null()) return std::nullopt;
  std::string text = json::plain_text(*value);
  if (text.find('\0') != std::string::npos) return std::nullopt;
  return text;
}

}  // namespace rbit::plugin_host
