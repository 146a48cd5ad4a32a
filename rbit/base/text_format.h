#pragma once

#include <string_view>

namespace rbit {

/// Whether JSON Schema's `format` of that name is looked at here: date-time, date, time, email,
/// hostname, ipv4, ipv6, uri, uuid. Any other is a remark for people.
bool is_known_format(std::string_view format);

/// REQUIRES: it is known.
bool has_format(std::string_view text, std::string_view format);

}  // namespace rbit
