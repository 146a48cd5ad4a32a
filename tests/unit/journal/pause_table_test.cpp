#include "rbit/journal/pause_table.h"

#include "tests/unit/journal/journal_fixture.h"

using namespace rbit;

TEST_CASE("pauses are on record; one that is there keeps its time") {
  test::TempDir dir;
  test::JournalFixture house(dir / "rbit.db");
  const std::vector<std::string> both{"a", "b"}, first{"a"}, second{"b"};
  {
    PauseTable pauses(*house.database);
    CHECK(pauses.all()->empty());
    REQUIRE(test::run(house.loop, pauses.add(first, 7)));
    REQUIRE(test::run(house.loop, pauses.add(both, 9)));
  }
  house.die_and_live();
  PauseTable pauses(*house.database);
  CHECK(*pauses.all() == std::map<std::string, std::int64_t>{{"a", 7}, {"b", 9}});
  REQUIRE(test::run(house.loop, pauses.remove(second)));
  REQUIRE(test::run(house.loop, pauses.remove(second)));
  CHECK(*pauses.all() == std::map<std::string, std::int64_t>{{"a", 7}});
}
