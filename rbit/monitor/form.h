#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// What a browser sends: forms, queries and paths, of anybody's making.
namespace rbit {

/// A text in which %XX is a byte and, in a form, `+` a blank.
std::string unescaped(std::string_view text, bool is_form);

/// The value of a field of a form or a query; "" if it is not there.
std::string field_of(std::string_view form, std::string_view name);
/// The same as a number from 0 to 2^62; `otherwise` if it is none.
std::int64_t number_of(std::string_view form, std::string_view name, std::int64_t otherwise);

/// What follows `prefix` in a path, unescaped; none: it does not begin so.
std::optional<std::string> name_behind(std::string_view prefix, std::string_view path);

}  // namespace rbit
