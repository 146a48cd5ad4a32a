#include "rbit/dispatch/backlog.h"

#include <doctest/doctest.h>

using namespace rbit;
using namespace std::chrono_literals;

TEST_CASE("what is due leaves in the order of its time, where its queue fits") {
  Backlog backlog;
  const SteadyTime now = SteadyTime{} + 1h;
  backlog.add("late", "a", "runner", now + 1s);
  backlog.add("second", "a", "runner", now - 1s);
  backlog.add("first", "b", "runner", now - 2s);
  const auto any = [](const std::string&, const std::string&, const std::string&) { return true; };
  const auto only_a = [](const std::string&, const std::string& queue, const std::string&) {
    return queue == "a";
  };
  CHECK(backlog.take(now, only_a)->key == "second");
  CHECK_FALSE(backlog.take(now, only_a));
  CHECK(backlog.take(now, any)->key == "first");
  CHECK_FALSE(backlog.take(now, any));
  CHECK(backlog.holds("late"));
  CHECK(backlog.next_due(now) == now + 1s);
  CHECK(backlog.take(now + 1s, any)->key == "late");
  CHECK(backlog.size() == 0);
  CHECK(backlog.next_due(now) == std::nullopt);
}

TEST_CASE("the same key is there once") {
  Backlog backlog;
  backlog.add("key", "a", "runner", SteadyTime{});
  backlog.add("key", "a", "runner", SteadyTime{} + 1s);
  CHECK(backlog.size() == 1);
}

TEST_CASE("one that is removed is not taken, and leaves others of its time") {
  Backlog backlog;
  backlog.add("first", "a", "runner", SteadyTime{});
  backlog.add("second", "a", "runner", SteadyTime{});
  backlog.remove("first");
  backlog.remove("nobody");
  CHECK_FALSE(backlog.holds("first"));
  const auto any = [](const std::string&, const std::string&, const std::string&) { return true; };
  CHECK(backlog.take(SteadyTime{}, any)->key == "second");
  CHECK_FALSE(backlog.take(SteadyTime{}, any));
}

TEST_CASE("how many there are of each queue") {
  using Counts = std::map<std::string, std::int64_t>;
  Backlog backlog;
  for (const char* key : {"one", "two", "two", "three"})
    backlog.add(key, "a", "runner", SteadyTime{});
  backlog.add("other", "b", "runner", SteadyTime{} + 1s);
  CHECK(backlog.by_queue() == Counts{{"a", 3}, {"b", 1}});
  const auto any = [](const std::string&, const std::string&, const std::string&) { return true; };
  REQUIRE(backlog.take(SteadyTime{}, any));
  backlog.remove("other");
  backlog.remove("other");
  CHECK(backlog.by_queue() == Counts{{"a", 2}});
  while (backlog.take(SteadyTime{}, any)) {
  }
  CHECK(backlog.by_queue().empty());
}
