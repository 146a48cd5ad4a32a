#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace rbit {

/// What stands behind a keyword of JSON Schema.
enum class KeywordShape {
  schema,
  schemas,            // a list of them, one at least
  schema_or_schemas,  // items
  named_schemas,
  patterned_schemas,  // the names are regular expressions
  dependencies,       // by names: schemas or lists of names
  number,
  divisor,  // above 0
  limit,    // a number; in draft 4 a boolean beside maximum or minimum
  count,    // 0, 1, 2 ...
  flag,
  text,
  pattern,
  names,   // different texts
  types,   // the name of a type, or several
  values,  // a list
  value,
};

/// A keyword that says something about values. All others are remarks, and are not looked at.
struct SchemaKeyword {
  std::string_view name;
  KeywordShape shape;
  int since = 4;           // the first draft that has it
  bool in_place = false;   // its subschemas are about the same value
  bool only_kept = false;  // it is a place where schemas are kept for others to refer to
};

inline constexpr SchemaKeyword schema_keywords[] = {
    {"type", KeywordShape::types},
    {"enum", KeywordShape::values},
    {"const", KeywordShape::value, 6},
    {"multipleOf", KeywordShape::divisor},
    {"maximum", KeywordShape::number},
    {"exclusiveMaximum", KeywordShape::limit},
    {"minimum", KeywordShape::number},
    {"exclusiveMinimum", KeywordShape::limit},
    {"maxLength", KeywordShape::count},
    {"minLength", KeywordShape::count},
    {"pattern", KeywordShape::pattern},
    {"format", KeywordShape::text},
    {"items", KeywordShape::schema_or_schemas},
    {"additionalItems", KeywordShape::schema},
    {"maxItems", KeywordShape::count},
    {"minItems", KeywordShape::count},
    {"uniqueItems", KeywordShape::flag},
    {"contains", KeywordShape::schema, 6},
    {"maxProperties", KeywordShape::count},
    {"minProperties", KeywordShape::count},
    {"required", KeywordShape::names},
    {"properties", KeywordShape::named_schemas},
    {"patternProperties", KeywordShape::patterned_schemas},
    {"additionalProperties", KeywordShape::schema},
    {"dependencies", KeywordShape::dependencies, 4, true},
    {"propertyNames", KeywordShape::schema, 6},
    {"if", KeywordShape::schema, 7, true},
    {"then", KeywordShape::schema, 7, true},
    {"else", KeywordShape::schema, 7, true},
    {"allOf", KeywordShape::schemas, 4, true},
    {"anyOf", KeywordShape::schemas, 4, true},
    {"oneOf", KeywordShape::schemas, 4, true},
    {"not", KeywordShape::schema, 4, true},
    {"definitions", KeywordShape::named_schemas, 4, false, true},
};

/// What is wrong with the value of a keyword, subschemas aside; "": nothing.
std::string mistake_of(const SchemaKeyword& keyword, const nlohmann::json& value, int draft);

}  // namespace rbit
