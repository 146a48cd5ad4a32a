#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>

#include "rbit/base/result.h"

namespace rbit {

/// Why a JSON text does not fit: where, as a JSON Pointer, and why there. Of a message nothing but
/// names of members is in it, and those are printable.
struct Misfit {
  std::string pointer;  // empty: the whole
  std::string reason;   // "expected a number"

  /// "/order/id: expected a number"; of the whole the reason alone.
  std::string text() const { return pointer.empty() ? reason : pointer + ": " + reason; }
};

/// A JSON Schema of draft 4, 6 or 7, read and compiled. Copies share it.
///
/// Who wrote it may err, who wrote a message is nobody's friend: a check neither recurses deeper
/// than the schema and the limits of base/json.h let it, nor takes more than half a second. What
/// would is a misfit.
class JsonSchema {
 public:
  /// The Error names the file and the place in it.
  static Result<JsonSchema> read(const std::string& path);

  /// The first thing that does not fit. REQUIRES: `document` is within the limits of base/json.h.
  std::optional<Misfit> misfit_of(const nlohmann::json& document) const;

 private:
  struct Compiled;
  explicit JsonSchema(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}

  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace rbit
