#include "rbit/run/workspace.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <set>
#include <vector>

#include "rbit/base/fd.h"
#include "rbit/base/text.h"
#include "rbit/core/job_name.h"
#include "tests/support/files.h"
#include "tests/support/loop.h"
#include "tests/support/temp_dir.h"

namespace rbit {

namespace {

using test::mode_of;
using test::TempDir;
namespace fs = std::filesystem;

Job job_named(const std::string& key, int attempt = 1) {
  Job job;
  job.queue = "build";
  job.key = key;
  job.attempt = attempt;
  job.body = "the body";
  return job;
}

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

TEST_CASE("a workspace is fresh, private and gone afterwards") {
  const TempDir place;
  std::string root;
  {
    const auto made = Workspace::make(place / "a/b", job_named("36", 2));
    REQUIRE(made.has_value());
    root = made->root();
    CHECK(root == (place / "a/b/build+36-2"));
    CHECK(mode_of(root) == 0700);
    CHECK(mode_of(made->path()) == 0700);
    CHECK(mode_of(made->tmp_dir()) == 0700);
    CHECK(mode_of(made->message_file()) == 0400);
    CHECK(test::names_in(made->path()).empty());
    CHECK(test::read_file(made->message_file()) == "the body");
  }
  CHECK_FALSE(fs::exists(root));
}

TEST_CASE("a hostile key stays below the work directory") {
  const TempDir place;
  for (const std::string key : {"../../x", "/etc", "..", ".", "", "a/b", "a\nb"}) {
    const auto made = Workspace::make(place.path(), job_named(key));
    REQUIRE(made.has_value());
    CHECK(fs::path(made->root()).parent_path() == place.path());
    CHECK(fs::path(made->root()).filename().string().front() != '.');
  }
  CHECK(test::names_in(place.path()).empty());
}

TEST_CASE("what has the name already is another's, and stays") {
  const TempDir place;
  fs::create_directories(place / "build+36-1/work/old");
  fs::create_symlink(place / "build+36-1", place / "build+36-1.2");
  test::write_file(place / "build+36-1.3", "a file");
  const auto made = Workspace::make(place.path(), job_named("36"));
  REQUIRE(made.has_value());
  CHECK(made->root() == (place / "build+36-1.4"));
  CHECK(test::names_in(made->path()).empty());
  const auto twin = Workspace::make(place.path(), job_named("36"));
  REQUIRE(twin.has_value());
  CHECK(twin->root() == (place / "build+36-1.5"));
  CHECK(fs::exists(place / "build+36-1/work/old"));
  CHECK(fs::exists(place / "build+36-1.3"));
}

TEST_CASE("workspaces of two jobs that run are never one, whatever their keys") {
  const TempDir place;
  std::vector<Workspace> running;
  std::set<std::string> roots;
  const std::string odd = "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66";
  int made = 0;
  for (const std::string queue : {"a", "b", "a+b", "A", "../a"})
    for (const std::string& key : {odd, text::slug(odd), file_name_of(odd), std::string("a"),
                                   std::string("A"), std::string("b+a"), std::string("a-1"),
                                   std::string(), std::string(300, 'x'), std::string(301, 'x')})
      for (const int attempt : {1, 11}) {
        Job job = job_named(key, attempt);
        job.queue = queue;
        auto space = Workspace::make(place.path(), job);
        REQUIRE(space.has_value());
        CHECK(Workspace::is_named_after(space->root(), job));
        CHECK(space->root().find(".2") == std::string::npos);  // its own name was free
        test::write_file(space->path() + "/mine", key);
        roots.insert(text::lower(space->root()));
        running.push_back(std::move(*space));
        ++made;
      }
  CHECK(static_cast<int>(roots.size()) == made);
  for (const auto& space : running) CHECK(fs::exists(space.path() + "/mine"));
}

TEST_CASE("a work directory that somebody else could replace is refused") {
  if (::geteuid() != 0) return;  // only root can give files away
  const TempDir place;
  fs::create_directories(place / "his/work");
  ::chmod(place.path().c_str(), 01777);
  REQUIRE(::chown((place / "his").c_str(), 65534, 65534) == 0);
  for (const std::string path : {"his", "his/work", "his/new"}) {
    const auto made = Workspace::make(place / path, job_named("36"));
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().text().find("belongs to user 65534") != std::string::npos);
  }
  CHECK_FALSE(fs::exists(place / "his/new"));
  fs::create_directories(place / "shared");
  ::chmod((place / "shared").c_str(), 0777);
  CHECK_FALSE(Workspace::make(place / "shared", job_named("36")).has_value());
  ::chmod((place / "shared").c_str(), 01777);  // as /tmp: names that are free are ours
  CHECK(Workspace::make(place / "shared", job_named("36")).has_value());
}

TEST_CASE("a message is for its job's user, not for others of his group") {
  if (::geteuid() != 0) return;
  const TempDir place;
  ::chmod(place.path().c_str(), 0711);
  const Account owner{65533, 65534, {}, "", "", ""};
  const auto made = Workspace::make(place / "work", job_named("36"), &owner);
  REQUIRE(made.has_value());
  const auto can_read = [&](uid_t uid) {
    const pid_t child = ::fork();
    if (child == 0) {
      if (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(uid) != 0) ::_exit(2);
      const int file = ::open(made->message_file().c_str(), O_RDONLY);
      const bool replaced = ::unlink(made->message_file().c_str()) == 0;
      ::_exit(replaced ? 3 : file >= 0 ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  };
  CHECK(can_read(65533) == 0);
  CHECK(can_read(65534) == 1);
}

TEST_CASE("a workspace that is kept stays, and one that is moved is removed once") {
  const TempDir place;
  {
    auto kept = Workspace::make(place.path(), job_named("kept"));
    auto moved = Workspace::make(place.path(), job_named("moved"));
    REQUIRE(kept.has_value());
    REQUIRE(moved.has_value());
    kept->keep();
    Workspace other(std::move(*moved));
    CHECK(fs::exists(other.path()));
    asio::io_context loop{1};
    CHECK(test::run(loop, other.remove()).has_value());
    CHECK(test::run(loop, other.remove()).has_value());
  }
  CHECK(test::names_in(place.path()) == std::vector<std::string>{"build+kept-1"});
}

TEST_CASE("a work directory that cannot be made is an error that names it") {
  const TempDir place;
  test::write_file(place / "file", "");
  const auto made = Workspace::make(place / "file/work", job_named("36"));
  REQUIRE_FALSE(made.has_value());
  CHECK(made.error().text().find(place / "file/work") != std::string::npos);
}

TEST_CASE("with an owner the job's directories are his and the rest is not") {
  if (::geteuid() != 0) return;  // only root can give files away
  const TempDir place;
  const Account owner{65534, 65534, {}, "", "", ""};
  const auto made = Workspace::make(place.path(), job_named("36"), &owner);
  REQUIRE(made.has_value());
  struct stat info {};
  REQUIRE(::stat(made->path().c_str(), &info) == 0);
  CHECK(info.st_uid == 65534);
  REQUIRE(::stat(made->root().c_str(), &info) == 0);
  CHECK(info.st_uid == 0);
  CHECK(info.st_gid == 65534);
  CHECK(mode_of(made->root()) == 0710);
  CHECK(mode_of(made->message_file()) == 0400);
  REQUIRE(::stat(made->message_file().c_str(), &info) == 0);
  CHECK(info.st_uid == 65534);
}

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

/// Whether the loop did something else before a workspace that `fill` fills was gone.
template <class Fill>
bool goes_on_meanwhile(Fill fill) {
  const TempDir place;
  auto made = Workspace::make(place.path(), job_named("36"));
  REQUIRE(made.has_value());
  fill(made->path());
  asio::io_context loop{1};
  bool gone = false, loop_went_on = false;
  auto removal = [&]() -> Task<void> {
    const Result<void> removed = co_await made->remove();
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

TEST_CASE("a workspace with few files is removed at once, one with many beside the loop") {
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
