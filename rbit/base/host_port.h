#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rbit {

/// A host, and a port if there is one.
struct HostPort {
  std::string host;  // a name or an address, one of IPv6 in brackets
  int port = 0;      // 0: none was named

  /// The host without brackets.
  std::string address() const {
    return host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
  }
};

/// "localhost:5672", "[::1]:5672". `address` has no brackets.
std::string join_host_port(const std::string& address, int port);

/// Reads "host", "host:port", "[v6]" or "[v6]:port". None: it is nothing of these.
std::optional<HostPort> parse_host_port(std::string_view text);

}  // namespace rbit
