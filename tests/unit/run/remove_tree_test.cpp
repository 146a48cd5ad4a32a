#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <vector>

#include "rbit/base/fd.h"
#include "rbit/run/workspace.h"
#include "tests/support/files.h"
#include "tests/support/loop.h"
#include "tests/support/temp_dir.h"

namespace rbit {

using test::TempDir;
namespace fs = std::filesystem;

namespace {

/// A chain of directories that no path can name: each is made inside the one before.
void make_deep(const std::string& root, int levels) {
  int fd = ::open(root.c_str(), O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < levels; ++i) {
    REQUIRE(::mkdirat(fd, "d", 0700) == 0);
    const int next = ::openat(fd, "d", O_RDONLY | O_DIRECTORY);
    REQUIRE(next >= 0);
    ::close(fd);
    fd = next;
  }
  ::close(fd);
}

}  // namespace

TEST_CASE("removal follows no link") {
  const TempDir place;
  fs::create_directories(place / "outside/dir");
  test::write_file(place / "outside/file", "precious");
  fs::create_directories(place / "tree/a");
  fs::create_symlink(place / "outside", place / "tree/link");
  fs::create_symlink(place / "outside/file", place / "tree/a/file");
  fs::create_symlink("../../outside", place / "tree/a/up");
  fs::create_hard_link(place / "outside/file", place / "tree/hard");
  CHECK(remove_tree(place / "tree").has_value());
  CHECK_FALSE(fs::exists(place / "tree"));
  CHECK(test::read_file(place / "outside/file") == "precious");
  CHECK(fs::exists(place / "outside/dir"));

  fs::create_symlink(place / "outside", place / "tree");
  CHECK(remove_tree(place / "tree").has_value());
  CHECK_FALSE(fs::is_symlink(place / "tree"));
  CHECK(fs::exists(place / "outside/file"));
}

TEST_CASE("removal opens what the job has locked") {
  const TempDir place;
  fs::create_directories(place / "tree/a/b/c/d");
  fs::create_directories(place / "tree/a/b/e");
  test::write_file(place / "tree/a/b/c/d/file", "x");
  test::write_file(place / "tree/a/b/e/file", "x");
  ::chmod((place / "tree/a/b/c/d").c_str(), 0);
  ::chmod((place / "tree/a/b/c").c_str(), 0500);
  ::chmod((place / "tree/a/b").c_str(), 0);
  ::chmod((place / "tree").c_str(), 0);
  const auto removed = remove_tree(place / "tree");
  CHECK_MESSAGE(removed.has_value(), (removed ? std::string() : removed.error().text()));
  CHECK_FALSE(fs::exists(place / "tree"));
}

TEST_CASE("removal needs neither stack nor path nor descriptors for a deep tree") {
  const TempDir place;
  fs::create_directory(place / "tree");
  make_deep(place / "tree", 5000);
  CHECK(remove_tree(place / "tree").has_value());
  CHECK_FALSE(fs::exists(place / "tree"));
}

TEST_CASE("a removal that takes too long gives up and says what is left") {
  const TempDir place;
  fs::create_directories(place / "tree/a/b/c");
  const auto removed = remove_tree(place / "tree", std::chrono::milliseconds(0));
  REQUIRE_FALSE(removed.has_value());
  CHECK(removed.error().text() ==
        place / "tree" + ": cannot be removed: Directory not empty (remove it by hand)");
  CHECK(fs::exists(place / "tree/a/b/c"));
}

namespace {

/// Whether the loop did something else before a tree that `fill` fills was gone.
template <class Fill>
bool goes_on_meanwhile(Fill fill) {
  const TempDir place;
  fs::create_directory(place / "tree");
  fill(place / "tree");
  asio::io_context loop{1};
  bool gone = false, loop_went_on = false;
  auto removal = [&]() -> Task<void> {
    const Result<void> removed = co_await remove_tree_aside(place / "tree");
    CHECK(removed.has_value());
    gone = true;
  };
  asio::co_spawn(loop, removal, asio::detached);
  asio::post(loop, [&] { loop_went_on = !gone; });
  loop.run();
  CHECK(gone);
  CHECK(test::names_in(place.path()).empty());
  return loop_went_on;
}

}  // namespace

TEST_CASE("a tree of few files is removed at once, one of many beside the loop") {
  for (const int count : {200, 2000}) {
    CAPTURE(count);
    CHECK(goes_on_meanwhile([&](const std::string& path) {
            for (int i = 0; i < count; ++i) test::write_file(path + "/" + std::to_string(i), "");
          }) == (count == 2000));
    CHECK(goes_on_meanwhile([&](const std::string& path) { make_deep(path, count); }) ==
          (count == 2000));
  }
  for (const int mebibytes : {1, 80}) {
    CAPTURE(mebibytes);
    CHECK(goes_on_meanwhile([&](const std::string& path) {
            const Fd file(::open((path + "/a").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
            REQUIRE(::posix_fallocate(file.get(), 0, mebibytes << 20) == 0);
          }) == (mebibytes == 80));
  }
}

TEST_CASE("removal of wide trees, files, sockets and nothing at all") {
  const TempDir place;
  for (int i = 0; i < 30; ++i) {
    const std::string dir = place / ("tree/" + std::to_string(i) + "/x/y");
    fs::create_directories(dir);
    for (int j = 0; j < 30; ++j) test::write_file(dir + "/" + std::to_string(j), "");
    REQUIRE(::mkfifo((dir + "/fifo").c_str(), 0) == 0);
  }
  CHECK(remove_tree(place / "tree").has_value());
  CHECK(remove_tree(place / "tree").has_value());
  test::write_file(place / "file", "");
  CHECK(remove_tree(place / "file").has_value());
  CHECK(remove_tree(place / "no/such/place").has_value());
  CHECK(test::names_in(place.path()).empty());
}

}  // namespace rbit
