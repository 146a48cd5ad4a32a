#pragma once

#include <cstddef>
#include <string_view>

namespace rbit::text {

/// How many columns of a terminal a text takes: two for a wide letter, none for one that stands on
/// the letter before it. REQUIRES: UTF-8 without control characters.
std::size_t columns_of(std::string_view text);

/// The most of the beginning of `text` that takes `columns` and ends with a whole letter. The same.
std::string_view first_columns(std::string_view text, std::size_t columns);

}  // namespace rbit::text
