#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <unordered_map>
#include <vector>

#include "rbit/base/text_pattern.h"

namespace valijson {
class Subschema;
namespace constraints {
struct Constraint;
}
}  // namespace valijson

namespace rbit {

/// What a check looks up of a compiled schema.
struct SchemaPlan {
  struct Part {
    bool fits_nothing = false;                                          // the schema `false`
    std::vector<const valijson::constraints::Constraint*> constraints;  // of a type first
  };
  /// The values of `enum` and `const`.
  struct Allowed {
    std::vector<std::string> values;  // as `comparable` has them, sorted
    std::string words;                // for people
  };
  int draft = 7;
  const valijson::Subschema* whole = nullptr;
  std::unordered_map<const valijson::Subschema*, Part> parts;
  std::unordered_map<const valijson::constraints::Constraint*, Allowed> allowed;
  std::unordered_map<const valijson::constraints::Constraint*, std::string> words;  // of a pattern
  std::map<std::string, TextPattern, std::less<>> patterns;
};

/// A text that two values share if and only if JSON Schema calls them equal: 1 and 1.0 are, and the
/// order of members is no matter.
std::string comparable(const nlohmann::json& value);

}  // namespace rbit
