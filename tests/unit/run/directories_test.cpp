#include "rbit/run/directories.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

using namespace rbit;

TEST_CASE("an output directory is private within the state directory only") {
  CHECK(output_mode("/state/output", "/state") == 0700);
  CHECK(output_mode("/state", "/state") == 0700);
  CHECK(output_mode("/state2/output", "/state") == 0755);
  CHECK(output_mode("/srv/pdf", "/state") == 0755);
}

TEST_CASE("what cannot be made is known before, and nothing is made to find out") {
  test::TempDir dir;
  test::write_file(dir / "file", "x");
  CHECK(can_make_directories(dir.path()).has_value());
  CHECK(can_make_directories(dir / "a/b/c").has_value());
  CHECK(test::names_in(dir.path()) == std::vector<std::string>{"file"});
  const auto below_file = can_make_directories(dir / "file/a");
  REQUIRE_FALSE(below_file.has_value());
  CHECK(below_file.error().thing == dir / "file/a");
  const auto is_file = can_make_directories(dir / "file");
  REQUIRE_FALSE(is_file.has_value());
  CHECK(is_file.error().reason == "is no directory");
}

TEST_CASE("a user who cannot get to the work directory is told through which one") {
  test::TempDir dir;
  REQUIRE(::mkdir((dir / "state").c_str(), 0700) == 0);
  Account nobody;
  nobody.uid = 65534;
  nobody.gid = 65534;
  nobody.name = "nobody";
  REQUIRE(::chmod(dir.path().c_str(), 0711) == 0);
  const auto closed = can_pass(dir / "state/work", nobody);
  REQUIRE_FALSE(closed.has_value());
  CHECK(closed.error().reason == "user nobody may not pass through " + (dir / "state"));
  CHECK(closed.error().cure.find("work-dir") != std::string::npos);
  CHECK(can_pass(dir / "work", nobody).has_value());
  // One that is ours is opened when a job is made there.
  CHECK(can_pass(dir / "state", nobody).has_value());

  struct stat info {};
  REQUIRE(::stat((dir / "state").c_str(), &info) == 0);
  nobody.groups = {info.st_gid};
  REQUIRE(::chmod((dir / "state").c_str(), 0710) == 0);
  CHECK(can_pass(dir / "state/work", nobody).has_value());
  Account root;
  CHECK(can_pass(dir / "state/work", root).has_value());
}
