#pragma once

#include <cstddef>
#include <string>

#include "rbit/core/publication.h"

namespace rbit {

/// As it may be kept and shown: numbers that are finite and not negative, a text of one short line.
Progress cleaned(const Progress& progress);

/// "3/9 pages", "3 pages", "pages". REQUIRES: `cleaned` made it.
std::string to_text(const Progress& progress);
/// "[########............] 40% 4/10 pages" in at most `width` bytes, for a terminal; without a bar
/// where there is no total. The same.
std::string progress_bar(const Progress& progress, std::size_t width);

}  // namespace rbit
