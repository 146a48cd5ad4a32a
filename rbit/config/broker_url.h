#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/base/result.h"

namespace rbit::config {

/// The parts of [amqp] url; what it does not say is none.
struct BrokerUrl {
  bool local = false;  // "local:", the embedded queue; nothing else is said then
  bool tls = false;
  std::vector<std::string> hosts;  // HOST or HOST:PORT, at least one unless local
  std::optional<std::string> user, password, virtual_host;  // percent-decoded
};

/// "local:", "amqp://[USER[:PASSWORD]@]HOST[:PORT][,HOST...][/VIRTUAL_HOST]", "amqps://...".
/// The Error has only `reason` and `cure`, and no password in them.
Result<BrokerUrl> parse_broker_url(std::string_view text);

/// The URL with what stands before '@' as ***.
std::string without_user(std::string_view url);

}  // namespace rbit::config
