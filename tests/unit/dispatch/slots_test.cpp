#include "rbit/dispatch/slots.h"

#include <doctest/doctest.h>

#include <utility>
#include <vector>

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
    REQUIRE(first);
    CHECK(slots.free("b") == 0);
    CHECK(slots.free("a") == 1);
    CHECK_FALSE(slots.try_take("b"));
    auto second = slots.try_take("a");
    REQUIRE(second);
    CHECK_FALSE(slots.try_take("a"));
    const Slot moved = std::move(second);
    CHECK(slots.used() == 2);
  }
  CHECK(slots.used() == 0);
  CHECK(slots.free("b") == 1);
  CHECK(changes == 4);
}

TEST_CASE("where there is room for fewer jobs than slots, fewer are taken; more are tried later") {
  Slots slots(10, [] {});
  slots.add_runner("a", 0);
  std::vector<Slot> taken;
  for (int i = 0; i < 6; ++i) taken.push_back(slots.try_take("a"));
  slots.meet_limit(2);  // four run
  CHECK(slots.free("a") == 0);
  taken.pop_back();
  taken.pop_back();
  CHECK(slots.free("a") == 0);
  taken.pop_back();
  CHECK(slots.free("a") == 1);
  CHECK(slots.total() == 10);
  CHECK_FALSE(slots.grow());
  CHECK(slots.free("a") == 2);
  taken.clear();
  slots.meet_limit(0);
  CHECK(slots.free("a") == 1);  // one is always tried
  int turns = 1;
  while (!slots.grow()) ++turns;
  CHECK(turns == 8);
  CHECK(slots.free("a") == 10);
}

TEST_CASE("a job that runs elsewhere has a slot though none is free, and no other begins for it") {
  Slots slots(1, [] {});
  slots.add_runner("a", 1);
  Slot first = slots.take_anyway("a"), second = slots.take_anyway("a");
  REQUIRE(second);
  CHECK(slots.used() == 2);
  CHECK(slots.free("a") == 0);
  CHECK_FALSE(slots.try_take("a"));
  first.reset();
  CHECK_FALSE(slots.try_take("a"));
  second.reset();
  CHECK(slots.try_take("a"));
  CHECK_FALSE(slots.take_anyway("nobody's"));
}
