#include "rbit/core/returns.h"

#include <doctest/doctest.h>

#include <string>

using namespace rbit;

TEST_CASE("how often a message came back is what its quorum queue says") {
  Message message;
  CHECK(returns_of(message) == 0);
  message.headers["x-delivery-count"] = std::int64_t{9};
  CHECK(returns_of(message) == 9);
  message.headers["x-acquired-count"] = std::int64_t{11};  // 4.3 has both
  CHECK(returns_of(message) == 11);
  message.headers["x-acquired-count"] = std::string("many");
  CHECK(returns_of(message) == 9);
}
