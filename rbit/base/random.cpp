#include "rbit/base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <chrono>

namespace rbit {

std::uint64_t random_number() {
  std::uint64_t number = 0;
  ssize_t count = 0;
  do {
    count = ::getrandom(&number, sizeof number, 0);
  } while (count < 0 && errno == EINTR);
  if (count == static_cast<ssize_t>(sizeof number)) return number;
  // A sandbox without the call: still another one each time.
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

}  // namespace rbit
