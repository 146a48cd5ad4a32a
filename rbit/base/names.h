#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

namespace rbit {

/// One value of an enumeration and its name. A table of these serves both ways.
template <class Value>
using Named = std::pair<Value, std::string_view>;

/// The name of `value`; "" if the table has none.
template <class Value, std::size_t count>
constexpr std::string_view name_in(const Named<Value> (&table)[count], Value value) {
  for (const auto& [known, name] : table)
    if (known == value) return name;
  return "";
}

template <class Value, std::size_t count>
constexpr std::optional<Value> value_in(const Named<Value> (&table)[count], std::string_view name) {
  for (const auto& [value, known] : table)
    if (known == name) return value;
  return std::nullopt;
}

}  // namespace rbit
