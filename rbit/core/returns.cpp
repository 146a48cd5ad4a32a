#include "rbit/core/returns.h"

#include <algorithm>

namespace rbit {

std::int64_t returns_of(const Message& message) {
  std::int64_t most = 0;
  for (const char* header : {"x-delivery-count", "x-acquired-count"}) {
    const auto found = message.headers.find(header);
    if (found == message.headers.end()) continue;
    if (const auto* count = std::get_if<std::int64_t>(&found->second))
      most = std::max(most, *count);
  }
  return most;
}

}  // namespace rbit
