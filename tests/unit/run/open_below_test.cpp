#include "rbit/run/open_below.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "rbit/run/workspace.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace rbit {

namespace {

namespace fs = std::filesystem;

/// From here on openat2 answers ENOSYS, as before Linux 5.6 and under valgrind.
bool forget_openat2() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog filter{4, program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

}  // namespace

TEST_CASE("without openat2 a path is opened as with it") {
  const test::TempDir place;
  fs::create_directories(place / "in/a/b");
  test::write_file(place / "in/a/file", "x");
  test::write_file(place / "out", "secret");
  fs::create_symlink("../out", place / "in/link");
  fs::create_symlink("a", place / "in/way");
  const Fd root(::open((place / "in").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(root);
  for (const char* path :
       {"a/file", "a//file", "./a/b/../file", "link", "way/file", "way", "..", "../out",
        "a/../../out", "/etc/passwd", "", "nothing", "nothing/file", "a/file/x", "a/file/", "a"}) {
    for (const int kind : {0, O_DIRECTORY, O_DIRECTORY | O_PATH}) {
      const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | kind;
      INFO(path, " with flags ", kind);
      errno = 0;
      const Fd one = open_below(root.get(), path, flags, Mounts::enter);
      const int one_error = errno;
      errno = 0;
      const Fd other = open_below_in_steps(root.get(), path, flags, Mounts::enter);
      const int other_error = errno;
      CHECK(static_cast<bool>(one) == static_cast<bool>(other));
      if (one && other) {
        struct stat one_info {
        }, other_info{};
        ::fstat(one.get(), &one_info);
        ::fstat(other.get(), &other_info);
        CHECK(one_info.st_ino == other_info.st_ino);
      } else {
        // A link where a directory is wanted is refused as either, by kernel.
        const auto kind_of = [](int error) { return error == ELOOP ? ENOTDIR : error; };
        CHECK(kind_of(one_error) == kind_of(other_error));
      }
    }
  }
}

TEST_CASE("without openat2 another file system is not entered") {
  const Fd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  constexpr int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  CHECK(open_below_in_steps(root.get(), "proc", flags, Mounts::enter));
  CHECK_FALSE(open_below_in_steps(root.get(), "proc", flags, Mounts::keep_out));
  CHECK(errno == EXDEV);
}

TEST_CASE("without openat2 a workspace is removed all the same") {
  const test::TempDir place;
  fs::create_directories(place / "tree/a/b/c/d");
  fs::create_directory(place / "outside");
  test::write_file(place / "tree/a/b/c/file", "x");
  test::write_file(place / "outside/file", "precious");
  fs::create_symlink(place / "outside", place / "tree/a/b/link");
  const pid_t child = ::fork();
  if (child == 0) {
    if (!forget_openat2()) ::_exit(77);
    ::_exit(remove_tree(place / "tree") ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) {
    MESSAGE("skipped: no seccomp filter may be set here");
    return;
  }
  CHECK(WEXITSTATUS(status) == 0);
  CHECK_FALSE(fs::exists(place / "tree"));
  CHECK(test::read_file(place / "outside/file") == "precious");
}

TEST_CASE("links that lead up and down for ever are followed for a while only") {
  const test::TempDir place;
  fs::create_directories(place / "d");
  test::write_file(place / "file", "x");
  const Fd directory(::open(place.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto up_and_down = [](int times) {
    std::string way;
    for (int i = 0; i < times; ++i) way += "d/../";
    return way;
  };
  fs::create_symlink(up_and_down(20) + "file", place / "usual");
  CHECK(open_linked(directory.get(), "usual", {}));
  fs::create_symlink(up_and_down(700) + "file", place / "endless");
  CHECK_FALSE(open_linked(directory.get(), "endless", {}));
  CHECK(errno == ELOOP);
}

TEST_CASE("no directory on the way is somebody else's, or anybody's to write to") {
  const test::TempDir place;
  const Fd directory(::open(place.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  CHECK(make_below(directory.get(), "a/b", 0755));
  fs::create_directory(place / "open");
  REQUIRE(::chmod((place / "open").c_str(), 0777) == 0);
  CHECK_FALSE(make_below(directory.get(), "open/b", 0755));
  CHECK(errno == EPERM);
  CHECK_FALSE(fs::exists(place / "open/b"));
  if (::geteuid() != 0) return;
  fs::create_directory(place / "foreign");
  REQUIRE(::chown((place / "foreign").c_str(), 12345, 12345) == 0);
  CHECK_FALSE(make_below(directory.get(), "foreign", 0755));
  CHECK(errno == EPERM);
}

TEST_CASE("what cannot be removed is named once") {
  const auto removed = remove_tree("/proc/self");  // a link of a file system without removal
  REQUIRE_FALSE(removed.has_value());
  CHECK(removed.error().thing == "/proc/self");
}

}  // namespace rbit
