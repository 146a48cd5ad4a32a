#pragma once

#include <string_view>

namespace rbit {

/// True if `host`, a name or an address with or without brackets, is this machine by its spelling.
inline bool is_loopback(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const bool digits = host.find_first_not_of("0123456789.") == std::string_view::npos;
  return host == "localhost" || host == "::1" || (digits && host.starts_with("127."));
}

}  // namespace rbit
