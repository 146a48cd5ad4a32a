#pragma once

#include <algorithm>
#include <cstdint>

#include "rbit/core/message.h"

namespace rbit {

/// What has been delivered in vain this often may be dropped by its quorum queue when it goes back
/// there again (rbit/doc/traps.rst, broker-delivery-limit).
inline constexpr std::int64_t most_returns = 10;

/// How often the broker says that it has delivered this message in vain: `x-delivery-count` or,
/// from 4.3 on, `x-acquired-count` of a quorum queue. 0: it does not count.
inline std::int64_t returns_of(const Message& message) {
  return std::max(number_in(message, "x-delivery-count"), number_in(message, "x-acquired-count"));
}

}  // namespace rbit
