#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "rbit/core/publication.h"

namespace rbit {

/// What a job said of how far it is, and when it will be done if it goes on so.
struct ToldProgress : Progress {
  std::int64_t due = 0;  // microseconds since 1970; 0: nobody knows
};

/// As it may be kept and shown: numbers that are finite and not negative, a text of one short line.
Progress cleaned(const Progress& progress);

/// "3/9 pages", "3 pages", "pages". REQUIRES: `cleaned` made it.
std::string to_text(const Progress& progress);

/// How long a job will still take if it goes on as it did, microseconds: what is left, at the pace
/// of `elapsed`, since its attempt began. None: it does not say how much there is, or it is too
/// early. The same.
std::optional<std::int64_t> time_left(const Progress& progress, std::int64_t elapsed);
/// The same of a job that will be done at `due`; none: nobody knows, or it should be done by now.
std::optional<std::int64_t> left_until(std::int64_t due, std::int64_t now);
/// What is to be shown of a job whose attempt began at `begun`, microseconds since 1970; 0: nobody
/// knows.
ToldProgress told(const Progress& progress, std::int64_t begun, std::int64_t now);
/// "4/10 pages, about 4 min left". REQUIRES: `told` or `cleaned` made it.
std::string to_text(const ToldProgress& progress, std::int64_t now);
/// "about 4 min left": no more of it than an estimate is good for.
std::string left_text(std::int64_t micros);

/// "[########............] 40% 4/10 pages, about 4 min left" in at most `width` columns of a
/// terminal; without a bar where there is no total, and without what is not known. The same.
std::string progress_bar(const Progress& progress, std::optional<std::int64_t> left,
                         std::size_t width);

}  // namespace rbit
