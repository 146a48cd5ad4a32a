#pragma once

#include <optional>
#include <string>
#include <string_view>

/// Base64 of RFC 4648, with `+`, `/` and padding: how bytes that are no text travel in JSON.
namespace rbit::base64 {

std::string encoded(std::string_view bytes);
/// Nothing for what `encoded` never gives: other letters (line ends too), a length that is no
/// multiple of four, bits behind the end.
std::optional<std::string> decoded(std::string_view text);

}  // namespace rbit::base64
