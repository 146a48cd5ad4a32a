#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rbit::text {

/// Without white space (as in C's "isspace") at both ends.
std::string_view trim(std::string_view text);
/// At each `separator`; "" gives one empty part.
std::vector<std::string> split(std::string_view text, char separator);
/// At runs of white space; no empty parts.
std::vector<std::string> split_blanks(std::string_view text);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
/// ASCII only, whatever the locale.
std::string lower(std::string_view text);
std::string upper(std::string_view text);
/// With what `table` has in place of some letters.
std::string replaced(std::string_view text,
                     std::initializer_list<std::pair<char, std::string_view>> table);
/// True and `value` set if the whole of `text` is a decimal number from `least` to `most`.
bool parse_number(std::string_view text, long long least, long long most, long long& value);

/// Whether it is an ASCII letter or digit, whatever the locale.
constexpr bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

constexpr bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  for (const std::string_view one : words)
    if (one == word) return true;
  return false;
}

/// Whether there are only ASCII letters, digits and what is in `also`.
bool has_only(std::string_view text, std::string_view also);

/// The last name of a path: "c" of "a/b/c" and of "c", "" of "a/".
constexpr std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}
/// What the last name of a path lies in: "a/b" of "a/b/c", "/" of "/c", "" of "c".
constexpr std::string_view directory_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return path.substr(0, slash == std::string_view::npos ? 0 : slash == 0 ? 1 : slash);
}

/// Two lower-case hexadecimal digits a byte.
std::string hex(std::string_view bytes);
/// ASCII letters, digits and what is in `also` as they are, every other byte as %XX.
std::string percent_encoded(std::string_view bytes, std::string_view also);

bool is_utf8(std::string_view bytes);
/// Whether the byte is not the first one of its letter in UTF-8.
constexpr bool continues_a_letter(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0u) == 0x80u;
}
/// The most of the beginning of `text` that has `limit` bytes and ends with a whole letter.
std::string_view first_bytes(std::string_view text, std::size_t limit);
/// C0, C1, DEL, U+2028, U+2029, bidi controls and bad UTF-8 as \xNN, the rest as it is.
std::string printable(std::string_view bytes);
/// Whether `printable` has nothing to do: no line ends, nothing that a terminal obeys.
bool is_printable(std::string_view bytes);
/// One line to be shown: without secrets, `printable`, cut after `limit` bytes with "...".
std::string one_line(std::string_view bytes, std::size_t limit = 2048);
/// Without secrets and, if it is longer than `limit` bytes, cut with "..."; no half letter.
std::string shortened(std::string_view text, std::size_t limit);

/// How many letters must be added, removed or changed, or swapped with their neighbours, to make
/// one of the other: slips of the pen.
std::size_t distance(std::string_view a, std::string_view b);

/// The candidate a slip of the pen away (two for words of six letters and more), or none.
std::optional<std::string> did_you_mean(std::string_view word,
                                        const std::vector<std::string>& candidates);

/// Lower-case hexadecimal SHA-256.
std::string sha256_hex(std::string_view bytes);

/// A file name of [A-Za-z0-9._-], no leading dot, at most 100 bytes, with a hash appended if
/// anything had to be changed.
std::string slug(std::string_view name);

}  // namespace rbit::text
