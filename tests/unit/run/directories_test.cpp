#include "rbit/run/directories.h"

#include <doctest/doctest.h>

using namespace rbit;

TEST_CASE("an output directory is private within the state directory only") {
  CHECK(output_mode("/state/output", "/state") == 0700);
  CHECK(output_mode("/state", "/state") == 0700);
  CHECK(output_mode("/state2/output", "/state") == 0755);
  CHECK(output_mode("/srv/pdf", "/state") == 0755);
}
