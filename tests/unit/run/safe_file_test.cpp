#include "rbit/base/trusted_path.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace rbit {

namespace {

using test::TempDir;
namespace fs = std::filesystem;

std::string problem(const std::string& path) {
  const auto result = check_code_file(path);
  return result ? "" : result.error().text();
}

bool tells(const std::string& path, const std::string& text) {
  const std::string found = problem(path);
  INFO(found);
  CHECK(found.find(text) != std::string::npos);
  return found.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("a file that only root and we can change is safe, in a sticky directory too") {
  const TempDir place;  // below /tmp, as a rule
  test::write_file(place / "lib.so", "code");
  CHECK(problem(place / "lib.so") == "");
  CHECK(problem(place / "./x/../lib.so").find("No such file") != std::string::npos);
  CHECK(problem(fs::relative(place / "lib.so").string()) == "");
  fs::create_symlink("lib.so", place / "link.so");
  CHECK(problem(place / "link.so") == "");

  auto file = open_code_file(place / "link.so");
  REQUIRE(file.has_value());
  char text[5] = {};
  CHECK(::read(file->get(), text, 4) == 4);
  CHECK(std::string(text) == "code");
}

TEST_CASE("a file or directory that others may write to is not") {
  const TempDir place;
  fs::create_directories(place / "a/b");
  test::write_file(place / "a/b/lib.so", "code");
  ::chmod((place / "a/b/lib.so").c_str(), 0664);
  CHECK(tells(place / "a/b/lib.so", "(chmod go-w " + (place / "a/b/lib.so") + ")"));
  ::chmod((place / "a/b/lib.so").c_str(), 0644);
  ::chmod((place / "a").c_str(), 0777);
  CHECK(
      tells(place / "a/b/lib.so", (place / "a") + ": users other than its owner may write to it"));
  ::chmod((place / "a").c_str(), 01777);
  CHECK(problem(place / "a/b/lib.so") == "");
  ::chmod((place / "a").c_str(), 0775);
  CHECK(tells(place / "a/b/lib.so", (place / "a") + ": "));
}

TEST_CASE("a link through a directory that others may write to is not safe either") {
  const TempDir place;
  fs::create_directory(place / "open");
  fs::create_directory(place / "closed");
  test::write_file(place / "closed/lib.so", "code");
  fs::create_symlink("../closed", place / "open/way");
  CHECK(problem(place / "open/way/lib.so") == "");
  ::chmod((place / "open").c_str(), 0777);
  CHECK(tells(place / "open/way/lib.so", (place / "open") + ": "));
  CHECK(problem(place / "closed/lib.so") == "");
}

TEST_CASE("what belongs to somebody else is not safe") {
  if (::geteuid() != 0) return;  // only root can give files away
  const TempDir place;
  test::write_file(place / "lib.so", "code");
  REQUIRE(::chown((place / "lib.so").c_str(), 65534, 65534) == 0);
  CHECK(tells(place / "lib.so", "belongs to user 65534"));
  fs::create_directory(place / "dir");
  test::write_file(place / "dir/lib.so", "code");
  REQUIRE(::chown((place / "dir").c_str(), 65534, 65534) == 0);
  CHECK(tells(place / "dir/lib.so", (place / "dir") + ": belongs to user 65534"));
}

TEST_CASE("only regular files are code") {
  const TempDir place;
  CHECK(tells(place.path(), "is not a regular file"));
  CHECK(tells("/", "is not a regular file"));
  CHECK(tells("", "is no path"));
  CHECK(tells(place / "nothing.so", "nothing.so: No such file"));
  test::write_file(place / "file", "");
  CHECK(tells(place / "file/x", "is not a directory"));
  fs::create_symlink("loop", place / "loop");
  CHECK(tells(place / "loop", "Too many levels of symbolic links"));
  REQUIRE(::mkfifo((place / "fifo").c_str(), 0600) == 0);
  CHECK(tells(place / "fifo", "is not a regular file"));
}

}  // namespace rbit
