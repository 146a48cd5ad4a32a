#include "rbit/core/returns.h"

#include <algorithm>

namespace rbit {

std::int64_t returns_of(const Message& message) {
  return std::max(number_in(message, "x-delivery-count"), number_in(message, "x-acquired-count"));
}

}  // namespace rbit
