#include "rbit/dispatch/slots.h"

#include <doctest/doctest.h>

#include <utility>

using namespace rbit;

TEST_CASE("a slot is the right to run one job, and comes back by itself") {
  int changes = 0;
  Slots slots(2, [&] { ++changes; });
  slots.add_runner("a", 0);
  slots.add_runner("b", 1);
  CHECK(slots.free("a") == 2);
  CHECK(slots.free("b") == 1);
  {
    auto first = slots.try_take("b");
    REQUIRE(first.has_value());
    CHECK(slots.free("b") == 0);
    CHECK(slots.free("a") == 1);
    CHECK_FALSE(slots.try_take("b").has_value());
    auto second = slots.try_take("a");
    REQUIRE(second.has_value());
    CHECK_FALSE(slots.try_take("a").has_value());
    Slot moved = std::move(*second);
    second.reset();
    CHECK(slots.used() == 2);
  }
  CHECK(slots.used() == 0);
  CHECK(slots.free("b") == 1);
  CHECK(changes == 4);
}
