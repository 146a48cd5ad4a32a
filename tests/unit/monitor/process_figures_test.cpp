#include "rbit/monitor/process_figures.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <chrono>
#include <vector>

#include "rbit/base/fd.h"

using namespace rbit;

TEST_CASE("what a process uses") {
  const ProcessFigures before = process_figures();
  REQUIRE(before.cpu);
  REQUIRE(before.start);
  REQUIRE(before.resident);
  REQUIRE(before.address_space);
  REQUIRE(before.descriptors);
  CHECK(*before.cpu >= 0);
  CHECK(*before.resident > 1 << 20);
  CHECK(*before.address_space >= *before.resident);
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  CHECK(*before.start <= now + 1);
  CHECK(*before.start > now - 3600);

  std::vector<Fd> more;
  for (int i = 0; i < 7; ++i) more.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const ProcessFigures after = process_figures();
  CHECK(*after.descriptors == *before.descriptors + 7);
  CHECK(after.start == before.start);
  CHECK(*after.cpu >= *before.cpu);
}
