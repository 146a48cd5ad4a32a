#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "rbit/base/time_text.h"

namespace rbit {

/// A time as people give it: so long ago ("90m", "2h", "1d"), today at that time ("03:12",
/// "03:12:30"), or a day with or without one ("2026-11-29", "2026-11-29 03:12", with a T between,
/// too). `now` and the answer are microseconds since 1970. None: it is no time.
std::optional<std::int64_t> parse_moment(const std::string& text, std::int64_t now, Zone zone);

}  // namespace rbit
