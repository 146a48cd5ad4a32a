#include "rbit/intake/local_rows.h"

#include <doctest/doctest.h>

#include "tests/unit/intake/local_house.h"

using namespace rbit;
using namespace std::chrono_literals;
using test::House;

TEST_CASE("of a queue is told as much as somebody wants to hear, and of what is due later, too") {
  House house;
  house.start();
  for (const char* body : {"later", "1", "2", "3"}) REQUIRE(house.submit("a", body));
  house.credit("a", 1);
  REQUIRE(house.settle(0, Settlement::retry(60s, 2, "exit 75")));
  const auto heard = [&](const std::string& queue, int most) {
    std::string bodies;
    int left = most;
    local_rows::queued(*house.database, queue, [&](const QueuedMessage& one) {
      if (one.again == 0 && left-- == 0) return false;
      bodies += one.message.body.bytes() + " ";
      return true;
    });
    return bodies;
  };
  CHECK(heard("a", 9) == "1 2 3 later ");
  CHECK(heard("a", 1) == "1 later ");  // not hidden by a long line before it
  CHECK(heard("b", 9) == "");
}
