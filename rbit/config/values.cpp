#include "rbit/config/values.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>
#include <iterator>
#include <limits>
#include <utility>

#include "rbit/base/names.h"
#include "rbit/base/quantity.h"
#include "rbit/base/text.h"

namespace rbit::config {

namespace {

// The largest first.
constexpr Named<std::int64_t> time_units[] = {
    {86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}, {1, "ms"}};
constexpr Named<int> size_units[] = {{30, "G"}, {20, "M"}, {10, "K"}};

}  // namespace

std::optional<std::int64_t> parse_size(std::string_view text) {
  text = text::trim(text);
  const auto unit_at = text.find_first_not_of("0123456789");
  long long number = 0;
  if (!text::parse_number(text.substr(0, unit_at), 0, 1LL << 50, number)) return std::nullopt;
  std::string unit;
  if (unit_at != std::string_view::npos) unit = text::upper(text::trim(text.substr(unit_at)));
  if (unit.ends_with("IB")) unit.resize(unit.size() - 2);
  const auto shift = unit.empty() || unit == "B" ? 0 : value_in(size_units, unit);
  if (!shift || number > (1LL << 50) >> *shift) return std::nullopt;
  return number << *shift;
}

std::optional<disk::Limit> parse_space(std::string_view text) {
  disk::Limit limit{std::numeric_limits<std::int64_t>::max(), 1};
  const auto parts = text::split(text, ',');
  if (parts.size() > 2) return std::nullopt;
  bool size_said = false, share_said = false;
  for (const std::string& part : parts) {
    const std::string_view value = text::trim(part);
    if (value.ends_with('%') && !std::exchange(share_said, true)) {
      std::string_view number = value.substr(0, value.size() - 1);
      const auto percent = take_decimal(number);
      if (!percent || !text::trim(number).empty() || *percent > 100) return std::nullopt;
      limit.share = *percent / 100;
    } else {
      const auto size = parse_size(value);
      if (!size || std::exchange(size_said, true)) return std::nullopt;
      limit.bytes = *size;
    }
  }
  return limit;
}

std::optional<bool> parse_flag(std::string_view text) {
  const std::string word = text::lower(text::trim(text));
  if (word == "yes" || word == "true" || word == "on" || word == "1") return true;
  if (word == "no" || word == "false" || word == "off" || word == "0") return false;
  return std::nullopt;
}

std::optional<double> parse_fraction(std::string_view text) {
  text = text::trim(text);
  const auto number = take_decimal(text);
  if (!number || !text.empty() || *number > 1) return std::nullopt;
  return number;
}

std::string written(std::chrono::milliseconds duration) {
  const std::int64_t time = duration.count();
  if (time == 0) return "0";
  const auto unit = std::find_if(std::begin(time_units), std::end(time_units),
                                 [time](const auto& one) { return time % one.first == 0; });
  return std::to_string(time / unit->first) + std::string(unit->second);
}

std::string written_size(std::int64_t bytes) {
  for (const auto& [shift, unit] : size_units)
    if (bytes != 0 && (bytes >> shift) << shift == bytes)
      return std::to_string(bytes >> shift) + std::string(unit);
  return std::to_string(bytes);
}

std::string written(const disk::Limit& limit) {
  return written_size(limit.bytes) + ", " + written(limit.share * 100) + "%";
}

std::string written(double number) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

std::string written(bool flag) {
  return flag ? "yes" : "no";
}

std::optional<int> parse_signal(std::string_view text) {
  const std::string word = text::upper(text::trim(text));
  long long number = 0;
  if (text::parse_number(word, 1, SIGRTMAX, number)) return static_cast<int>(number);
  const std::string_view name =
      word.starts_with("SIG") ? std::string_view(word).substr(3) : std::string_view(word);
  for (int signal = 1; signal < 32; ++signal) {
    const char* known = sigabbrev_np(signal);
    if (known && name == known) return signal;
  }
  return std::nullopt;
}

std::vector<std::string> parse_list(std::string_view text) {
  return text::split_blanks(text::replaced(text, {{',', " "}}));
}

std::optional<std::vector<std::string>> parse_words(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_blank = std::string_view(" \t\n\v\f\r").find(c) != std::string_view::npos;
    if (quote == '\0' && is_blank) {
      in_word = false;
      continue;
    }
    if (!std::exchange(in_word, true)) words.emplace_back();
    if (c == '\\' && i + 1 < text.size()) {
      words.back() += c;
      words.back() += text[++i];
    } else if (quote == '\0' && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = '\0';
    } else {
      words.back() += c;
    }
  }
  if (quote != '\0') return std::nullopt;
  return words;
}

bool is_variable_name(std::string_view text) {
  if (text.empty() || (text.front() >= '0' && text.front() <= '9')) return false;
  return text::has_only(text, "_");
}

}  // namespace rbit::config
