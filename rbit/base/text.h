#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
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
/// True and `value` set if the whole of `text` is a decimal number from `least` to `most`.
bool parse_number(std::string_view text, long long least, long long most, long long& value);

bool is_utf8(std::string_view bytes);
/// C0, C1, DEL, U+2028, U+2029, bidi controls and bad UTF-8 as \xNN, the rest as it is.
std::string printable(std::string_view bytes);
/// Whether `printable` has nothing to do: no line ends, nothing that a terminal obeys.
bool is_printable(std::string_view bytes);
/// One line to be shown: without secrets, `printable`, cut after `limit` bytes with "...".
std::string one_line(std::string_view bytes, std::size_t limit = 2048);
/// Without secrets and, if it is longer than `limit` bytes, cut with "..."; no half letter.
std::string shortened(std::string_view text, std::size_t limit);

/// The candidate a slip of the pen away (one letter more, less, other, or two swapped; two for
/// words of six letters and more), or none.
std::optional<std::string> did_you_mean(std::string_view word,
                                        const std::vector<std::string>& candidates);

/// Lower-case hexadecimal SHA-256.
std::string sha256_hex(std::string_view bytes);

/// A file name of [A-Za-z0-9._-], no leading dot, at most 100 bytes, with a hash appended if
/// anything had to be changed.
std::string slug(std::string_view name);

}  // namespace rbit::text
