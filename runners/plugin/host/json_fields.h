#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace rbit::plugin_host {

/// What JSON Pointers (RFC 6901) name in a message. It is read when the first one is asked for. Any
/// thread.
class JsonFields {
 public:
  /// `body` outlives it. Nothing is in one that is no JSON. `is_task`: it may be in an envelope.
  JsonFields(const std::string& body, bool is_task);
  ~JsonFields();

  /// A text as it is, anything else as JSON, as long as this lives; nullptr if it is not there, is
  /// null, or has a NUL in it, where it would seem to end.
  const char* at(std::string_view pointer) const;

 private:
  std::optional<std::string> text_at(std::string_view pointer) const;

  const std::string& body_;
  const bool is_task_;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<const nlohmann::json> root_;
  mutable std::map<std::string, std::optional<std::string>, std::less<>> found_;
};

}  // namespace rbit::plugin_host
