#include "rbit/core/route.h"

#include <doctest/doctest.h>

using namespace rbit;

namespace {
std::string runner(const Route& route, std::string_view value) {
  const std::string* found = route.runner_of(value);
  return found != nullptr ? *found : "-";
}
}  // namespace

TEST_CASE("an exact name counts first, then the longest beginning, then the rest") {
  Route route("r", MessageFact());
  CHECK(route.add("Order.*", "orders"));
  CHECK(route.add("Order.paid", "money"));
  CHECK(route.add("Order.p*", "p"));
  CHECK(runner(route, "other") == "-");
  CHECK(route.add("*", "rest"));
  CHECK(runner(route, "Order.paid") == "money");
  CHECK(runner(route, "Order.paid.") == "p");
  CHECK(runner(route, "Order.") == "orders");
  CHECK(runner(route, "Order") == "rest");
  CHECK(runner(route, "") == "rest");
  CHECK(runner(route, "order.paid") == "rest");
  CHECK(route.runners() == std::vector<std::string>{"money", "orders", "p", "rest"});
}

TEST_CASE("a name is there once") {
  Route route("r", MessageFact());
  CHECK(route.add("a", "x"));
  CHECK_FALSE(route.add("a", "y"));
  CHECK(route.add("a*", "x"));
  CHECK_FALSE(route.add("a*", "x"));
  CHECK(runner(route, "a") == "x");
}
