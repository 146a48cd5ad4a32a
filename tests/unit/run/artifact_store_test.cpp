#include "rbit/run/artifact_store.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace rbit {

namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

struct Shelf {
  test::TempDir place;
  const std::string output = place / "out";
  std::atomic<bool> stop{false};

  Shelf() { fs::create_directory(output); }
  std::string make(const std::string& name, const std::string& text, mode_t mode = 0644) {
    const std::string path = place / name;
    test::write_file(path, text);
    ::chmod(path.c_str(), mode);
    return path;
  }
  Result<std::size_t> add(ArtifactStore& store, const std::string& path) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat info {};
    REQUIRE(::fstat(file.get(), &info) == 0);
    return store.add(file.get(), info, stop);
  }
  /// Adds and puts it; the error's text, or "".
  std::string put(ArtifactStore& store, const std::string& path, const std::string& name) {
    const auto number = add(store, path);
    if (!number) return number.error().text();
    const auto done = store.put(*number, name);
    return done ? done->obstacle : done.error().text();
  }
  std::string kept(const std::string& name) const { return test::read_file(output + "/" + name); }
  struct stat look(const std::string& name) const {
    struct stat info {};
    REQUIRE(::lstat((output + "/" + name).c_str(), &info) == 0);
    return info;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Shelf, "artifacts get their names, at the end nothing else is there") {
  {
    ArtifactStore store;
    REQUIRE(store.open(output, "", 0755, "job").has_value());
    CHECK(put(store, make("a", "one"), "a").empty());
    CHECK(put(store, make("b", "two"), "dist/sub/b").empty());
    CHECK(store.finish().has_value());
  }
  CHECK(test::names_in(output) == Names{"a", "dist"});
  CHECK(kept("a") == "one");
  CHECK(kept("dist/sub/b") == "two");
  CHECK((look("dist/sub").st_mode & 0777) == 0755);
}

TEST_CASE_FIXTURE(Shelf,
                  "what is not finished is taken back, and what it replaced is there again") {
  test::write_file(output + "/a", "older");
  {
    ArtifactStore store;
    REQUIRE(store.open(output, "", 0755, "job").has_value());
    const auto number = add(store, make("a", "newer"));
    REQUIRE(number.has_value());
    const auto replaced = store.put(*number, "a");
    REQUIRE(replaced.has_value());
    CHECK(replaced->replaced);
    CHECK(kept("a") == "newer");
    CHECK(put(store, make("b", "two"), "dist/b").empty());
  }
  CHECK(test::names_in(output) == Names{"a"});
  CHECK(kept("a") == "older");
}

TEST_CASE_FIXTURE(Shelf, "what another put in its place meanwhile is not taken back") {
  {
    ArtifactStore store;
    REQUIRE(store.open(output, "", 0755, "job").has_value());
    CHECK(put(store, make("a", "mine"), "a").empty());
    CHECK(put(store, make("b", "mine"), "dist/b").empty());
    fs::remove(output + "/a");
    test::write_file(output + "/a", "another's");
    test::write_file(output + "/dist/c", "another's");
  }
  CHECK(kept("a") == "another's");
  CHECK(test::names_in(output + "/dist") == Names{"c"});
}

TEST_CASE_FIXTURE(Shelf, "a link or a directory in the way") {
  fs::create_directory(place / "outside");
  fs::create_directory_symlink(place / "outside", output + "/dist");
  test::write_file(output + "/file", "text");
  fs::create_directory(output + "/dir");
  fs::create_symlink(place / "outside/target", output + "/link");
  ArtifactStore store;
  REQUIRE(store.open(output, "", 0755, "job").has_value());
  const std::string a = make("a", "one");
  CHECK(put(store, a, "dist/a") == "a file or a link has the name of its directory in " + output);
  CHECK(put(store, a, "file/a") == "a file or a link has the name of its directory in " + output);
  CHECK(put(store, a, "dir") == "a directory has its name in " + output);
  CHECK(put(store, a, "link").empty());  // a link is a name as any other
  CHECK(store.finish().has_value());
  CHECK(kept("link") == "one");
  CHECK(fs::is_empty(place / "outside"));
}

TEST_CASE_FIXTURE(Shelf, "one of our own is the artifact itself; another is copied") {
  const std::string own = make("own", "own", 06777), twin = make("twin", "twin", 0666);
  fs::create_hard_link(twin, place / "other name");
  const std::string others = make("others", "others", 0664);
  const bool is_root = ::geteuid() == 0;
  if (is_root) REQUIRE(::chown(others.c_str(), 65534, 65534) == 0);
  {
    ArtifactStore store;
    REQUIRE(store.open(output, "", 0755, "job").has_value());
    CHECK(put(store, own, "own").empty());
    CHECK(put(store, twin, "twin").empty());
    CHECK(put(store, others, "others").empty());
    CHECK(store.finish().has_value());
  }
  const auto is_same = [&](const std::string& name) {
    struct stat source {};
    REQUIRE(::stat((place / name).c_str(), &source) == 0);
    return source.st_ino == look(name).st_ino;
  };
  CHECK(is_same("own"));
  CHECK_FALSE(is_same("twin"));
  for (const std::string name : {"own", "twin", "others"}) {
    CHECK(look(name).st_uid == ::geteuid());
    CHECK((look(name).st_mode & 07022) == 0);
    CHECK(kept(name) == name);
  }
  struct stat info {};
  REQUIRE(::stat(twin.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0666);  // it may be somebody else's
  CHECK_FALSE((is_root && is_same("others")));
}

TEST_CASE_FIXTURE(Shelf, "holes stay holes, and a copy ends when it shall stop") {
  const std::string path = make("sparse", "begin");
  fs::create_hard_link(path, place / "second");  // so that it is copied
  const Fd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(::pwrite(file.get(), "end", 3, 200 << 20) == 3);
  REQUIRE(::ftruncate(file.get(), 300 << 20) == 0);
  {
    ArtifactStore store;
    REQUIRE(store.open(output, "", 0755, "job").has_value());
    CHECK(put(store, path, "sparse").empty());
    CHECK(store.finish().has_value());
  }
  CHECK(look("sparse").st_size == 300 << 20);
  CHECK(look("sparse").st_blocks * 512 < 1 << 20);
  const Fd copy(::open((output + "/sparse").c_str(), O_RDONLY | O_CLOEXEC));
  char bytes[3] = {};
  REQUIRE(::pread(copy.get(), bytes, 3, 200 << 20) == 3);
  CHECK(std::string(bytes, 3) == "end");

  stop = true;
  ArtifactStore store;
  REQUIRE(store.open(output, "", 0755, "job").has_value());
  CHECK(put(store, path, "again").find("canceled") != std::string::npos);
}

TEST_CASE_FIXTURE(Shelf, "what a crash left is removed by the next try of the same job alone") {
  std::string staging;
  {
    ArtifactStore store;
    REQUIRE(store.open(output, "", 0755, "job").has_value());
    staging = output + "/" + test::names_in(output).front();
  }
  CHECK_FALSE(fs::exists(staging));
  fs::create_directory(staging);
  fs::permissions(staging, fs::perms::owner_all);
  test::write_file(staging + "/0", "half");
  {
    ArtifactStore other;
    REQUIRE(other.open(output, "", 0755, "another job").has_value());
    CHECK(fs::exists(staging + "/0"));
  }
  {
    ArtifactStore store;
    REQUIRE(store.open(output, "", 0755, "job").has_value());
    CHECK(test::names_in(staging).empty());
  }
  CHECK(test::names_in(output).empty());
}

TEST_CASE_FIXTURE(Shelf, "the name of its own directory may be taken by another's") {
  fs::create_directory(place / "outside");
  test::write_file(place / "outside/0", "precious");
  std::string staging;
  {
    ArtifactStore store;
    REQUIRE(store.open(output, "", 0755, "job").has_value());
    staging = output + "/" + test::names_in(output).front();
  }
  SUBCASE("a link") {
    fs::create_directory_symlink(place / "outside", staging);
  }
  SUBCASE("one that others may enter") {
    fs::create_directory(staging);
    fs::permissions(staging, fs::perms::all);
    test::write_file(staging + "/0", "precious");
  }
  SUBCASE("one that is another user's") {
    fs::create_directory(staging);
    fs::permissions(staging, fs::perms::owner_all);
    if (::geteuid() != 0) return;
    REQUIRE(::chown(staging.c_str(), 65534, 65534) == 0);
    test::write_file(staging + "/0", "precious");
  }
  SUBCASE("a file") {
    test::write_file(staging, "precious");
  }
  {
    ArtifactStore store;
    REQUIRE(store.open(output, "", 0755, "job").has_value());
    CHECK(put(store, make("a", "one"), "a").empty());
    CHECK(store.finish().has_value());
  }
  CHECK(kept("a") == "one");
  CHECK(test::names_in(output).size() == 2);
  CHECK(test::read_file(place / "outside/0") == "precious");
  if (!fs::is_symlink(staging) && fs::is_directory(staging))
    CHECK(test::read_file(staging + "/0") == "precious");
}

}  // namespace rbit
