#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace rbit {

/// Takes a decimal number without sign or exponent off the front of `text`, which is left at what
/// follows it. None: there is none.
std::optional<double> take_decimal(std::string_view& text);

/// "30" and "90s" are seconds, "500ms", "2m", "1h", "1d", "0.5"; at most 24 days, so that every
/// duration fits the 32 bits of a queue's x-message-ttl. None for anything else.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace rbit
