#include "rbit/base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "rbit/base/secrets.h"

namespace rbit::text {

namespace {

bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/// The length of the valid UTF-8 sequence at the start of `bytes`, 0 if there is none. Sets
/// `point`.
std::size_t decode(std::string_view bytes, std::uint32_t& point) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) {
    point = first;
    return 1;
  }
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || bytes.size() < length) return 0;
  point = first & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if (!continues_a_letter(bytes[i])) return 0;
    point = (point << 6) | (at(i) & 0x3Fu);
  }
  static constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  if (point < least[length] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return 0;
  return length;
}

bool breaks_a_line(std::uint32_t point) {
  return point < 0x20 || (point >= 0x7F && point <= 0x9F) || point == 0x2028 || point == 0x2029 ||
         (point >= 0x202A && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069) ||
         point == 0x200E || point == 0x200F || point == 0x061C;
}

/// Optimal string alignment distance: letters added, removed, changed, or two neighbours swapped.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min(
          {d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0u : 1u)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

/// Whoever gave us what is longer than we show may have cut it before.
std::string without_secrets(std::string_view text, std::size_t limit) {
  constexpr std::size_t behind_the_cut = 4096;  // of what nobody will see, the rest costs time only
  const bool is_cut = text.size() > limit;
  if (is_cut && text.size() - limit > behind_the_cut) text = text.substr(0, limit + behind_the_cut);
  return secrets::redacted(text, is_cut ? secrets::Missing::end : secrets::Missing::nothing);
}

constexpr std::string_view lower_digits = "0123456789abcdef", upper_digits = "0123456789ABCDEF";

void add_hex(std::string& out, char c, std::string_view digits) {
  const auto byte = static_cast<unsigned char>(c);
  out += digits[byte >> 4];
  out += digits[byte & 15];
}

/// `printable`, cut after `limit` bytes with "...".
std::string printed(std::string_view bytes, std::size_t limit) {
  std::string out;
  while (!bytes.empty()) {
    if (out.size() >= limit) return out + "...";
    std::uint32_t point = 0;
    std::size_t length = decode(bytes, point);
    if (length != 0 && !breaks_a_line(point)) {
      out += bytes.substr(0, length);
    } else {
      length = length == 0 ? 1 : length;
      for (const char c : bytes.substr(0, length)) add_hex(out += "\\x", c, lower_digits);
    }
    bytes.remove_prefix(length);
  }
  return out;
}

}  // namespace

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::vector<std::string> split_blanks(std::string_view text) {
  std::vector<std::string> parts;
  std::size_t i = 0;
  while (i < text.size()) {
    while (i < text.size() && is_blank(text[i])) ++i;
    const std::size_t start = i;
    while (i < text.size() && !is_blank(text[i])) ++i;
    if (i > start) parts.emplace_back(text.substr(start, i - start));
  }
  return parts;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += separator;
    out += parts[i];
  }
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

bool parse_number(std::string_view text, long long least, long long most, long long& value) {
  long long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most)
    return false;
  value = number;
  return true;
}

bool has_only(std::string_view text, std::string_view also) {
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_alnum(c) || also.find(c) != also.npos; });
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) add_hex(out, c, lower_digits);
  return out;
}

std::string percent_encoded(std::string_view bytes, std::string_view also) {
  std::string out;
  for (const char c : bytes) {
    if (is_alnum(c) || also.find(c) != std::string_view::npos)
      out += c;
    else
      add_hex(out += '%', c, upper_digits);
  }
  return out;
}

bool is_utf8(std::string_view bytes) {
  std::uint32_t point = 0;
  while (!bytes.empty()) {
    const std::size_t length = decode(bytes, point);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string_view first_bytes(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && continues_a_letter(text[limit])) --limit;
  return text.substr(0, limit);
}

std::string printable(std::string_view bytes) {
  return printed(bytes, std::string_view::npos);
}

bool is_printable(std::string_view bytes) {
  return printable(bytes) == bytes;
}

std::string one_line(std::string_view bytes, std::size_t limit) {
  return printed(without_secrets(bytes, limit), limit);
}

std::string shortened(std::string_view text, std::size_t limit) {
  const std::string out = without_secrets(text, limit);
  if (out.size() <= limit) return out;
  return std::string(first_bytes(out, limit)) + "...";
}

std::optional<std::string> did_you_mean(std::string_view word,
                                        const std::vector<std::string>& candidates) {
  std::size_t best = word.size() >= 6 ? 2 : 1;  // more would suggest strangers
  std::optional<std::string> found;
  for (const auto& candidate : candidates) {
    const std::size_t d = distance(word, candidate);
    if (d > 0 && d <= best && (!found || d < best)) {
      best = d;
      found = candidate;
    }
  }
  return found;
}

}  // namespace rbit::text
