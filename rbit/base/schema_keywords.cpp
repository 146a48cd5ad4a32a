#include "rbit/base/schema_keywords.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "rbit/base/text.h"
#include "rbit/base/text_pattern.h"

namespace rbit {

namespace {

using nlohmann::json;

constexpr std::string_view types[] = {"array",  "boolean", "integer", "null",
                                      "number", "object",  "string"};

std::string shown(const json& value) {
  return "'" +
         text::one_line(value.is_string() ? value.get_ref<const std::string&>() : value.dump(),
                        60) +
         "'";
}

std::string mistake_of_type(const json& value) {
  if (!value.is_string()) return "the name of a type is a text";
  const auto& name = value.get_ref<const std::string&>();
  if (std::find(std::begin(types), std::end(types), name) != std::end(types)) return "";
  const auto meant = text::did_you_mean(name, {std::begin(types), std::end(types)});
  return shown(value) + " is no type" +
         (meant ? " (did you mean " + *meant + "?)"
                : " (array, boolean, integer, null, number, object or string)");
}

std::string mistake_of_types(const json& value) {
  if (!value.is_array()) return mistake_of_type(value);
  if (value.empty()) return "is an empty list";
  for (const json& one : value)
    if (auto mistake = mistake_of_type(one); !mistake.empty()) return mistake;
  return "";
}

std::string mistake_of_names(const json& value) {
  if (!value.is_array()) return "is no list of names";
  std::set<std::string> seen;
  for (const json& one : value) {
    if (!one.is_string()) return shown(one) + " is no name";
    if (!seen.insert(one.get<std::string>()).second) return shown(one) + " stands there twice";
  }
  return "";
}

std::string mistake_of_pattern(const std::string& pattern) {
  const auto read = TextPattern::read(pattern);
  return read ? "" : "is no regular expression: " + read.error().reason;
}

bool is_count(const json& value) {
  constexpr double most = 4e9;
  if (value.is_number_float())
    return value.get<double>() >= 0 && value.get<double>() <= most &&
           value.get<double>() == static_cast<double>(static_cast<long long>(value.get<double>()));
  return value.is_number_unsigned() && value.get<double>() <= most;
}

std::string unless(bool holds, const char* mistake) {
  return holds ? "" : mistake;
}

}  // namespace

std::string mistake_of(const SchemaKeyword& keyword, const json& value, int draft) {
  using S = KeywordShape;
  switch (keyword.shape) {
    case S::schemas:
      return unless(value.is_array() && !value.empty(), "is no list of schemas");
    case S::named_schemas:
      return unless(value.is_object(), "is no object with a schema for each name");
    case S::patterned_schemas:
      if (!value.is_object()) return "is no object with a schema for each pattern";
      for (const auto& [pattern, schema] : value.items())
        if (auto mistake = mistake_of_pattern(pattern); !mistake.empty())
          return shown(pattern) + " " + mistake;
      return "";
    case S::dependencies:
      if (!value.is_object()) return "is no object";
      for (const auto& [name, one] : value.items())
        if (one.is_array())
          if (auto mistake = mistake_of_names(one); !mistake.empty()) return mistake;
      return "";
    case S::number:
      return unless(value.is_number(), "is no number");
    case S::divisor:
      return unless(value.is_number() && value.get<double>() > 0, "is no number above 0");
    case S::limit:
      if (draft == 4) return unless(value.is_boolean(), "is neither true nor false, as in draft 4");
      return unless(value.is_number(), "is no number (it is a boolean in draft 4 only)");
    case S::count:
      return unless(is_count(value), "is no number from 0 up");
    case S::flag:
      return unless(value.is_boolean(), "is neither true nor false");
    case S::text:
      return unless(value.is_string(), "is no text");
    case S::pattern:
      return value.is_string() ? mistake_of_pattern(value.get_ref<const std::string&>())
                               : "is no text";
    case S::names:
      return mistake_of_names(value);
    case S::types:
      return mistake_of_types(value);
    case S::values:
      return unless(value.is_array() && !value.empty(), "is no list of values");
    case S::schema:
    case S::schema_or_schemas:
    case S::value:
      break;
  }
  return "";
}

}  // namespace rbit
