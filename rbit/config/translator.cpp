#include "rbit/config/translator.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <type_traits>
#include <vector>

#include "rbit/base/disk.h"
#include "rbit/base/text.h"
#include "rbit/config/values.h"

namespace rbit::config {

namespace {

std::optional<int> number_of(const Key& key, const std::string& text) {
  long long number = 0;
  if (!text::parse_number(text, key.least, key.most, number)) return std::nullopt;
  return static_cast<int>(number);
}

std::optional<std::int64_t> size_of(const Key& key, const std::string& text) {
  const auto size = parse_size(text);
  return size && *size >= key.least && *size <= key.most ? size : std::nullopt;
}

std::optional<std::string> choice_of(const Key& key, const std::string& text) {
  for (const auto& choice : text::split(key.choices, '|'))
    if (text::lower(choice) == text::lower(text)) return choice;
  if (key.name == "level" && text::lower(text) == "warn") return "WARNING";  // Python's both
  return std::nullopt;
}

std::string path_of(const std::string& directory, const std::string& text) {
  if (text.empty()) return "";
  return (std::filesystem::path(directory) / text).lexically_normal().string();
}

}  // namespace

template <class T>
boost::optional<T> Translator<T>::get_value(const IniValue& value) const {
  std::optional<T> read;
  if constexpr (std::is_same_v<T, int>)
    read = number_of(key, value.text);
  else if constexpr (std::is_same_v<T, std::int64_t>)
    read = size_of(key, value.text);
  else if constexpr (std::is_same_v<T, double>)
    read = parse_fraction(value.text);
  else if constexpr (std::is_same_v<T, bool>)
    read = parse_flag(value.text);
  else if constexpr (std::is_same_v<T, std::chrono::milliseconds>)
    read = parse_duration(value.text);
  else if constexpr (std::is_same_v<T, disk::Limit>)
    read = parse_space(value.text);
  else if constexpr (std::is_same_v<T, std::vector<std::string>>)
    read = parse_list(value.text);
  else if (key.type == KeyType::choice)
    read = choice_of(key, value.text);
  else
    read = key.type == KeyType::path ? path_of(directory, value.text) : value.text;
  if (!read) return boost::none;
  return std::move(*read);
}

template struct Translator<int>;
template struct Translator<std::int64_t>;
template struct Translator<double>;
template struct Translator<bool>;
template struct Translator<std::chrono::milliseconds>;
template struct Translator<disk::Limit>;
template struct Translator<std::vector<std::string>>;
template struct Translator<std::string>;

}  // namespace rbit::config
