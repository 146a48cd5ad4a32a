#include "rbit/base/host_port.h"

#include <algorithm>

#include "rbit/base/text.h"

namespace rbit {

std::string join_host_port(const std::string& address, int port) {
  const bool v6 = address.find(':') != std::string::npos;
  return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

std::optional<HostPort> parse_host_port(std::string_view text) {
  HostPort result;
  std::string_view rest;
  if (text.starts_with("[")) {
    const auto end = text.find(']');
    if (end == std::string_view::npos || end < 3) return std::nullopt;
    constexpr std::string_view of_addresses = "0123456789abcdefABCDEF:.";
    if (text.substr(1, end - 1).find_first_not_of(of_addresses) != text.npos) return std::nullopt;
    result.host = text.substr(0, end + 1);
    rest = text.substr(end + 1);
  } else {
    const auto end = std::min(text.find(':'), text.size());
    if (end == 0 || end > 253 || text.front() == '-') return std::nullopt;
    if (!text::has_only(text.substr(0, end), ".-_")) return std::nullopt;
    result.host = text.substr(0, end);
    rest = text.substr(end);
  }
  if (rest.empty()) return result;
  long long port = 0;
  if (rest.front() != ':' || !text::parse_number(rest.substr(1), 1, 65535, port))
    return std::nullopt;
  result.port = static_cast<int>(port);
  return result;
}

}  // namespace rbit
