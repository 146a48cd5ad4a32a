#include "rbit/core/destination.h"

#include <doctest/doctest.h>

using namespace rbit;

TEST_CASE("may-publish: the exchange as it is, in the key * within a word and # for any rest") {
  struct Row {
    const char *pattern, *key;
    bool covered;
  };
  for (const Row& row : {Row{"new", "new", true},
                         {"new", "newer", false},
                         {"new", "", false},
                         {"*", "new", true},
                         {"*", "new.one", false},
                         {"*", "", true},
                         {"#", "", true},
                         {"#", "a.b.c", true},
                         {"order.*", "order.new", true},
                         {"order.*", "order", false},
                         {"order.*", "order.new.one", false},
                         {"order.n*w", "order.new", true},
                         {"order.n*w", "order.n.w", false},
                         {"order.#", "order", true},
                         {"order.#", "order.", true},
                         {"order.#", "order.a.b", true},
                         {"order.#", "orders", false},
                         {"a.#.z", "a.z", false},
                         {"a.#.z", "a.b.c.z", true},
                         {"*.*", "a.b", true},
                         {"*.*", "a", false},
                         {"**", "abc", true},
                         {"a?c", "abc", false}}) {
    const bool covered = is_covered({"e", row.key}, {{"e", row.pattern}});
    CHECK_MESSAGE(covered == row.covered, row.pattern << " " << row.key);
  }
  CHECK_FALSE(is_covered({"", "q"}, {{"e", "#"}}));
  CHECK_FALSE(is_covered({"e", "q"}, {{"", "#"}}));
  CHECK(is_covered({"e", "q"}, {{"", "#"}, {"e", "q"}}));
  CHECK_FALSE(is_covered({"e", "q"}, {}));
  // Whoever may write the pattern wants it to be cheap all the same.
  CHECK_FALSE(is_covered({"e", std::string(255, 'a')}, {{"e", std::string(200, '*') + "b"}}));
}

TEST_CASE("a destination is written as may-publish has it, on one line") {
  CHECK(written({"e", "a.b"}) == "e:a.b");
  CHECK(written({"", "queue"}) == ":queue");
  CHECK(written({"", "a\nb"}) == ":a\\x0ab");
}
