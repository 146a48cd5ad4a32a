#pragma once

#include <cstddef>
#include <string_view>

namespace rbit {

/// The length of ${, a parameter, and the shell's operator of percent signs behind it: "${x%%" of
/// "${x%%.*}", also "${x/%" as bash has it. 0: `text` begins with none of these.
std::size_t percent_operator(std::string_view text);

}  // namespace rbit
