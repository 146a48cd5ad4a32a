#include "rbit/base/disk.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/support/temp_dir.h"

using namespace rbit;

TEST_CASE("the space of a directory that is not there yet is that of its parent") {
  const test::TempDir dir;
  const auto there = disk::space_at(dir.path());
  REQUIRE(there.has_value());
  CHECK(there->total > 0);
  CHECK(there->free <= there->total);
  const auto later = disk::space_at(dir.path() + "/a/b/c");
  REQUIRE(later.has_value());
  CHECK(later->total == there->total);
  CHECK_FALSE(disk::is_on_network(dir.path() + "/a"));
  CHECK_FALSE(disk::space_at(dir.path() + "/" + std::string(5000, 'x')).has_value());
}

TEST_CASE("the limit is the smaller of a size and a share") {
  constexpr std::int64_t gib = std::int64_t{1} << 30;
  CHECK(disk::Limit{}.of(1000 * gib) == gib);
  CHECK(disk::Limit{}.of(10 * gib) == gib / 2);
  CHECK(disk::Limit{0, 1}.of(10 * gib) == 0);
}

TEST_CASE("sizes for people") {
  CHECK(disk::size_text(0) == "0 bytes");
  CHECK(disk::size_text(1023) == "1023 bytes");
  CHECK(disk::size_text(1536) == "1.5 KiB");
  CHECK(disk::size_text(24 << 20) == "24 MiB");
  CHECK(disk::size_text(std::int64_t{5} << 40) == "5.0 TiB");
}

TEST_CASE("a directory is tried with a file, and nothing of it stays") {
  const test::TempDir dir;
  CHECK(disk::try_writing(dir.path()).has_value());
  CHECK(disk::try_writing(dir.path()).has_value());
  CHECK(std::filesystem::is_empty(dir.path()));
  const auto absent = disk::try_writing("/proc/self");
  REQUIRE_FALSE(absent.has_value());
  CHECK(absent.error().thing == "/proc/self");
  CHECK_FALSE(absent.error().cure.empty());
}
