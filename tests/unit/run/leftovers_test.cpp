#include "rbit/run/host_channel.h"

#include <doctest/doctest.h>

#include "rbit/run/leader_wire.h"

using namespace rbit;

TEST_CASE("what was left is one sentence, each word once") {
  CHECK(leftovers_text({}).empty());
  CHECK(leftovers_text(words_of_leftovers(0)).empty());
  CHECK(leftovers_text(words_of_leftovers(wire::left_thread)) == "left a thread");
  CHECK(leftovers_text(words_of_leftovers(wire::changed_umask | wire::left_thread)) ==
        "left a thread and changed its umask");
  CHECK(leftovers_text({"left a timer", "changed its umask", "left a timer", "left a thread"}) ==
        "left a timer, changed its umask and left a thread");
  // Each bit has a word of its own.
  for (std::uint32_t bit = 1; bit <= wire::last_left; bit <<= 1)
    CHECK(words_of_leftovers(bit).size() == 1);
}
