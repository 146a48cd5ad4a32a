#include "rbit/base/text.h"

#include <algorithm>
#include <boost/algorithm/string.hpp>
#include <boost/locale/utf.hpp>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <locale>

#include "rbit/base/secrets.h"

namespace rbit::text {

namespace {

bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/// The length of the valid UTF-8 sequence at the start of `bytes`, 0 if there is none. Sets
/// `point`.
std::size_t decode(std::string_view bytes, std::uint32_t& point) {
  auto at = bytes.begin();
  point = boost::locale::utf::utf_traits<char>::decode(at, bytes.end());
  const bool is_valid = boost::locale::utf::is_valid_codepoint(point);
  return is_valid ? static_cast<std::size_t>(at - bytes.begin()) : 0;
}

bool breaks_a_line(std::uint32_t point) {
  return point < 0x20 || (point >= 0x7F && point <= 0x9F) || point == 0x2028 || point == 0x2029 ||
         (point >= 0x202A && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069) ||
         point == 0x200E || point == 0x200F || point == 0x061C;
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
  return boost::trim_copy_if(text, is_blank);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  boost::split(parts, text, [separator](char c) { return c == separator; });
  return parts;
}

std::vector<std::string> split_blanks(std::string_view text) {
  std::vector<std::string> parts;
  text = trim(text);
  if (!text.empty()) boost::split(parts, text, is_blank, boost::token_compress_on);
  return parts;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  return boost::join(parts, separator);
}

std::string lower(std::string_view text) {
  return boost::to_lower_copy(std::string(text), std::locale::classic());
}

std::string upper(std::string_view text) {
  return boost::to_upper_copy(std::string(text), std::locale::classic());
}

std::string replaced(std::string_view text,
                     std::initializer_list<std::pair<char, std::string_view>> table) {
  std::string out;
  for (const char c : text) {
    const auto found =
        std::find_if(table.begin(), table.end(), [c](const auto& one) { return one.first == c; });
    out += found == table.end() ? std::string_view(&c, 1) : found->second;
  }
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
  constexpr std::uint64_t high_bits = 0x8080808080808080;
  std::uint32_t point = 0;
  while (!bytes.empty()) {
    std::uint64_t eight = 0;  // of ASCII at once
    if (bytes.size() >= sizeof eight) std::memcpy(&eight, bytes.data(), sizeof eight);
    if (bytes.size() >= sizeof eight && (eight & high_bits) == 0) {
      bytes.remove_prefix(sizeof eight);
      continue;
    }
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
