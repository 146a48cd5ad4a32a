#include "rbit/base/trusted_path.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "tests/support/files.h"
#include "tests/support/temp_dir.h"
#include "tests/support/text.h"

using namespace rbit;
namespace fs = std::filesystem;

namespace {

using test::has;
using test::mode_of;

std::string problem(const std::string& path, Sharing sharing = Sharing::names) {
  const auto checked = check_trusted_directory(path, sharing);
  const auto opened = open_trusted_directory(path, 0700, sharing);
  CHECK(checked.has_value() == opened.has_value());  // the same, before and at the start
  return opened ? "" : opened.error().text();
}

}  // namespace

TEST_CASE("a directory of ours is made and opened, through links of ours") {
  const test::TempDir place;
  CHECK(problem(place.path() + "/a/b/c") == "");
  CHECK(mode_of(place.path() + "/a/b") == 0700);
  fs::create_symlink("a/b", place.path() + "/link");
  CHECK(problem(place.path() + "/link/c") == "");
  CHECK(problem(place.path() + "/link/../b/./c//") == "");
  CHECK(problem(place.path() + "/link/new") == "");
  CHECK(fs::is_directory(place.path() + "/a/b/new"));
  fs::create_symlink(place.path() + "/nowhere", place.path() + "/dangling");
  CHECK(problem(place.path() + "/dangling/x") == "");  // as mkdir -p cannot; the link is ours
  const auto checked = check_trusted_directory(place.path() + "/a/none/at/all", Sharing::nothing);
  REQUIRE(checked.has_value());
  CHECK(*checked == fs::canonical(place.path() + "/a").string());
  CHECK_FALSE(fs::exists(place.path() + "/a/none"));
}

TEST_CASE("what others may write to is refused, unless it is sticky and only above") {
  const test::TempDir place;
  fs::create_directories(place.path() + "/open/mine");
  for (const mode_t mode : {0777, 0757, 0775, 02775}) {
    if ((mode & 0002) == 0 && ::geteuid() != 0) continue;  // it may be our private group
    ::chmod((place.path() + "/open").c_str(), mode);
    for (const char* name : {"/open", "/open/mine", "/open/new", "/open/new/er"})
      CHECK(has(problem(place.path() + name), "(chmod go-w "));
  }
  CHECK_FALSE(fs::exists(place.path() + "/open/new"));
  ::chmod((place.path() + "/open").c_str(), 01777);
  CHECK(problem(place.path() + "/open/mine", Sharing::nothing) == "");
  CHECK(problem(place.path() + "/open/new", Sharing::nothing) == "");
  CHECK(problem(place.path() + "/open") == "");
  CHECK(has(problem(place.path() + "/open", Sharing::nothing), "may write to it"));
}

TEST_CASE("what belongs to somebody else is refused, and so is his link") {
  if (::geteuid() != 0) return;  // only root can give files away
  const test::TempDir place;
  ::chmod(place.path().c_str(), 01777);
  fs::create_directories(place.path() + "/his/sub");
  fs::create_directories(place.path() + "/mine");
  fs::create_symlink(place.path() + "/mine", place.path() + "/link");
  REQUIRE(::chown((place.path() + "/his").c_str(), 65534, 65534) == 0);
  REQUIRE(::lchown((place.path() + "/link").c_str(), 65534, 65534) == 0);
  for (const char* name : {"/his", "/his/sub", "/his/new", "/link", "/link/sub"})
    CHECK(has(problem(place.path() + name), "belongs to user 65534"));
  CHECK_FALSE(fs::exists(place.path() + "/his/new"));
  CHECK_FALSE(fs::exists(place.path() + "/mine/sub"));
  ::chmod((place.path() + "/his").c_str(),
          01777);  // a sticky directory is its owner's all the same
  CHECK(has(problem(place.path() + "/his/sub"), "belongs to user 65534"));
}

TEST_CASE("what is no directory is said to be none") {
  const test::TempDir place;
  ::close(::open((place.path() + "/file").c_str(), O_CREAT | O_WRONLY, 0600));
  CHECK(has(problem(place.path() + "/file"), "is no directory"));
  CHECK(has(problem(place.path() + "/file/x"), "is not a directory"));
  fs::create_symlink("loop", place.path() + "/loop");
  CHECK(has(problem(place.path() + "/loop/x"), "Too many levels"));
  CHECK(has(problem(""), "is no path"));
}
