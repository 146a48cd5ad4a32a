#include "rbit/run/artifacts.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rbit/run/workspace.h"
#include "tests/support/loop.h"
#include "tests/unit/run/artifact_build.h"

namespace rbit {

using test::Build;
using test::TempDir;
namespace fs = std::filesystem;
using Names = std::vector<std::string>;

TEST_CASE("a named artifact keeps its name, text and kind; the work directory stays as it is") {
  Build build;
  build.makes("a/m1.pdf", "pdf");
  build.names("a/m1.pdf", "pdf");
  const auto result = collect_artifacts_blocking(build.order);
  REQUIRE(result.has_value());
  REQUIRE(result->artifacts.size() == 1);
  const Artifact& kept = result->artifacts.front();
  CHECK(kept.path == build.order.output_dir + "/m1.pdf");
  CHECK(kept.kind == "pdf");
  CHECK(test::read_file(kept.path) == "pdf");
  CHECK(fs::exists(build.order.work_dir + "/a/m1.pdf"));
  CHECK(test::names_in(build.order.output_dir) == Names{"m1.pdf"});
}

TEST_CASE("absolute paths count below the work, the temporary and the output directory") {
  Build build;
  build.makes("one");
  test::write_file(build.order.tmp_dir + "/two", "");
  fs::create_directory(build.order.output_dir + "/sub");
  test::write_file(build.order.output_dir + "/sub/three", "");
  build.names(build.order.work_dir + "/one")
      .names(build.order.tmp_dir + "/two")
      .names(build.order.output_dir + "/sub/three");
  CHECK(build.kept() == Names{"one", "two", "sub/three"});
}

TEST_CASE("a job may name its directory with or without the links that lead there") {
  Build build;
  const fs::path place(build.place.path());
  fs::create_directory_symlink(place.parent_path(), place / "alias");
  const std::string alias = place / "alias" / place.filename() / "work";
  build.makes("one");
  build.makes("two");
  build.names(build.order.work_dir + "/one").names(alias + "/two");
  build.order.work_dir = alias;
  CHECK(build.kept() == Names{"one", "two"});
}

TEST_CASE("a job may remove its temporary directory") {
  Build build;
  build.makes("one");
  fs::remove(build.order.tmp_dir);
  CHECK(build.names("one").kept() == Names{"one"});
}

TEST_CASE("globs find files at their depth, ** at any") {
  Build build;
  for (const std::string path : {"a.deb", "b.deb", "x/c.deb", "x/y/d.deb", ".h/e.deb", "x/.f.deb",
                                 "dir.deb/inside", "readme"})
    build.makes(path);
  build.order.globs = {"*.deb", "none*"};
  CHECK(build.kept() == Names{"a.deb", "b.deb"});
  build.order.globs = {"x/*"};
  CHECK(build.kept() == Names{"c.deb"});
  build.order.globs = {"**/*.deb", "./read??", "**/[i]nside"};
  CHECK(build.kept() == Names{"a.deb", "b.deb", "c.deb", "d.deb", "readme", "inside"});
}

TEST_CASE("an artifact named and matched is one") {
  Build build;
  build.makes("one");
  build.names("one", "kind").names("./one").order.globs = {"*", "on?"};
  CHECK(build.kept() == Names{"one"});
}

TEST_CASE("wrong globs are errors") {
  Build build;
  for (const std::string glob : {"/etc/*", "../*", "a/../../*", "a//b", ""}) {
    build.order.globs = {glob};
    CHECK(build.refuses("artifacts " + glob + ": "));
  }
}

TEST_CASE("what is kept of a work directory that stays is no part of it") {
  Build build;
  build.makes("one", "text");
  build.order.work_stays = true;
  CHECK(build.names("one").kept() == Names{"one"});
  build.makes("one", "changed");
  CHECK(test::read_file(build.order.output_dir + "/one") == "text");
}

TEST_CASE("nothing to collect needs no directory") {
  ArtifactOrder order;
  order.work_dir = order.output_dir = "/nowhere";
  const auto result = collect_artifacts_blocking(order);
  REQUIRE(result.has_value());
  CHECK(result->artifacts.empty());
}

TEST_CASE("links out of the work directory are refused") {
  Build build;
  test::write_file(build.place / "secret", "secret");
  fs::create_directory(build.place / "secrets");
  test::write_file(build.place / "secrets/key", "secret");

  SUBCASE("a symbolic link") {
    fs::create_symlink(build.place / "secret", build.order.work_dir + "/x.pdf");
    CHECK(build.names("x.pdf").refuses("x.pdf: is a link that leads out of the job's directory"));
  }
  SUBCASE("a symbolic link that a glob matches") {
    fs::create_symlink(build.place / "secret", build.order.work_dir + "/x.pdf");
    build.makes("y.pdf");
    build.order.globs = {"*.pdf"};
    CHECK(build.kept() == Names{"y.pdf"});
    CHECK(build.said.passed_over ==
          Names{"x.pdf: is a link that leads out of the job's directory"});
  }
  SUBCASE("a link on the way") {
    fs::create_directory_symlink(build.place / "secrets", build.order.work_dir + "/dir");
    CHECK(
        build.names("dir/key").refuses("dir/key: is a link that leads out of the job's directory"));
    build.order.named.clear();
    build.order.globs = {"dir/*", "**/key"};
    CHECK(build.kept() == Names{});
  }
  SUBCASE("a hard link") {
    fs::create_hard_link(build.place / "secret", build.order.work_dir + "/x.pdf");
    CHECK(build.names("x.pdf").refuses("x.pdf: has another name outside the job's directory"));
  }
  SUBCASE("steps upwards") {
    CHECK(build.names("../secret").refuses("lies outside the job's directory"));
    build.order.named = {{build.order.work_dir + "/../secret", ""}};
    CHECK(build.refuses("lies outside the job's directory"));
  }
  SUBCASE("elsewhere") {
    CHECK(build.names("/etc/passwd").refuses("lies neither in the job's directory nor in "));
    build.order.named = {{build.order.work_dir + "x/secret", ""}};
    CHECK(build.refuses("lies neither in the job's directory nor in "));
  }
  SUBCASE("in the place of its directory") {
    fs::remove_all(build.order.work_dir);
    fs::create_directory_symlink(build.place / "secrets", build.order.work_dir);
    CHECK(build.names("key").refuses("work: is no directory any more"));
    build.order.named = {{build.order.work_dir + "/key", ""}};
    CHECK(build.refuses("work: is no directory any more"));
    build.order.globs = {"*"};
    CHECK(build.refuses("work: is no directory any more"));
  }
  SUBCASE("in the place of what that lies in") {
    fs::create_directories(build.place / "secrets/job/work");
    test::write_file(build.place / "secrets/job/work/key", "secret");
    fs::create_directory_symlink(build.place / "secrets/job", build.place / "job");
    build.order.work_dir = build.place / "job/work";
    CHECK(build.names("key").refuses("work: is no directory any more"));
    CHECK(fs::exists(build.place / "secrets/job/work/key"));
  }
  SUBCASE("in the place of its temporary directory") {
    fs::remove_all(build.order.tmp_dir);
    fs::create_directory_symlink(build.place / "secrets", build.order.tmp_dir);
    CHECK(build.names(build.order.tmp_dir + "/key").refuses("lies neither"));
  }
  SUBCASE("magic links") {
    CHECK(build.names("/proc/self/environ").refuses("lies neither"));
  }
  CHECK(test::read_file(build.place / "secret") == "secret");
}

TEST_CASE("only regular files with a printable name are artifacts") {
  Build build;
  SUBCASE("a FIFO, which must not block") {
    REQUIRE(::mkfifo((build.order.work_dir + "/fifo").c_str(), 0600) == 0);
    CHECK(build.names("fifo").refuses("fifo: is not a regular file"));
  }
  SUBCASE("a directory") {
    build.makes("dir/file");
    CHECK(build.names("dir").refuses("dir: is not a regular file"));
  }
  SUBCASE("nothing") {
    CHECK(build.names("gone").refuses("gone: No such file"));
  }
  SUBCASE("an empty path") {
    CHECK(build.names("").refuses("'': is no path"));
  }
  SUBCASE("a line feed in the name") {
    build.makes("a\nb");
    CHECK(build.names("a\nb").refuses("artifact a\\x0ab: its name is not UTF-8 or has control"));
  }
  SUBCASE("bad UTF-8") {
    build.makes("a\xff");
    CHECK(build.names("a\xff").refuses("its name is not UTF-8"));
  }
}

TEST_CASE("one refused artifact keeps all of them out") {
  Build build;
  build.makes("good");
  build.makes("also/good");
  build.order.named = {{"good", ""}, {"also/good", ""}, {"gone", ""}};
  CHECK(build.refuses("gone: No such file"));
  CHECK(fs::exists(build.order.work_dir + "/good"));
}

TEST_CASE("an artifact replaces an older file of its name, not a directory or one just named") {
  Build build;
  build.makes("m1.pdf", "new");
  test::write_file(build.order.output_dir + "/m1.pdf", "old");
  CHECK(build.names("m1.pdf").kept() == Names{"m1.pdf"});
  CHECK(test::read_file(build.order.output_dir + "/m1.pdf") == "new");

  fs::remove(build.order.work_dir + "/m1.pdf");  // the same file
  build.makes("m1.pdf", "newer");
  build.names(build.order.output_dir + "/m1.pdf");
  CHECK(build.refuses("same name"));
  CHECK(test::read_file(build.order.output_dir + "/m1.pdf") == "new");

  build.order.named = {{"dir", ""}};
  build.makes("dir");
  fs::create_directory(build.order.output_dir + "/dir");
  CHECK(build.refuses("a directory has its name"));
}

TEST_CASE("a tree of thousands of artifacts is kept, and the first thousand are told") {
  Build build;
  for (int i = 0; i < 1200; ++i)
    build.makes("html/" + std::to_string(i % 7) + "/" + std::to_string(i), "");
  build.makes("named", "");
  build.order.globs = {"html/"};
  const auto told = build.names("named").kept();
  CHECK(told.size() == max_told_artifacts);
  CHECK(told.front() == "named");
  CHECK(build.said.notes == Names{"1201 artifacts were kept, of which 1000 are told"});
  std::size_t there = 0;
  for (const auto& entry : fs::recursive_directory_iterator(build.order.output_dir))
    there += entry.is_regular_file() ? 1 : 0;
  CHECK(there == 1201);
}

TEST_CASE("more files than a job may keep are refused") {
  Build build;
  for (int i = 0; i < 3; ++i) build.makes("f" + std::to_string(i), "");
  build.order.most = 2;
  build.order.globs = {"*"};
  CHECK(build.refuses("matches more than 2 files"));
  build.order.globs = {"f0", "f1"};
  CHECK(build.names("f2").refuses("is one more than 2"));
}

TEST_CASE("what a tree has that cannot be kept is told") {
  Build build;
  build.makes("dist/a/file");
  fs::create_directories(build.order.work_dir + "/dist/empty");
  std::string deep = build.order.work_dir + "/dist";
  for (int i = 0; i < 70; ++i) deep += "/d";
  fs::create_directories(deep);
  build.order.globs = {"dist/"};
  CHECK(build.kept() == Names{"dist/a/file"});
  REQUIRE(build.said.passed_over.size() == 2);
  CHECK(build.said.passed_over[0].find("/d/d: is deeper than 64 directories") != std::string::npos);
  CHECK(build.said.passed_over[1] == "dist/empty: is an empty directory");
  build.order.globs = {"**/x"};
  CHECK(build.kept().empty());
  CHECK(build.said.passed_over.size() == 1);
}

TEST_CASE("no setuid file gets into the output directory") {
  Build build;
  build.makes("tool");
  ::chmod((build.order.work_dir + "/tool").c_str(), 06755);
  CHECK(build.names("tool").kept() == Names{"tool"});
  struct stat info {};
  REQUIRE(::stat((build.order.output_dir + "/tool").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0755);
}

TEST_CASE("to another file system artifacts are copied whole") {
  struct stat here {
  }, there{};
  Build build;
  const bool possible = ::stat("/dev/shm", &there) == 0 &&
                        ::stat(build.order.work_dir.c_str(), &here) == 0 &&
                        here.st_dev != there.st_dev && ::access("/dev/shm", W_OK) == 0;
  if (!possible) {
    MESSAGE("skipped: /dev/shm is no second file system here");
    return;
  }
  build.order.output_dir = "/dev/shm/rbit-unit-" + std::to_string(::getpid()) + "/a";
  const std::string text(3'000'000, 'x');
  build.makes("big", text);
  CHECK(build.names("big").kept() == Names{"big"});
  CHECK(test::read_file(build.order.output_dir + "/big") == text);
  CHECK(test::names_in(build.order.output_dir) == Names{"big"});
  CHECK(fs::exists(build.order.work_dir + "/big"));
  CHECK(remove_tree(fs::path(build.order.output_dir).parent_path().string()).has_value());
}

TEST_CASE("an output directory that cannot be made is an error") {
  Build build;
  build.makes("one");
  test::write_file(build.place / "file", "");
  build.order.output_dir = build.place / "file/out";
  const auto result = collect_artifacts_blocking(build.names("one").order);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().text().find(build.order.output_dir) != std::string::npos);
}

TEST_CASE("the loop goes on while artifacts are collected") {
  Build build;
  build.makes("one");
  build.names("one");
  asio::io_context loop;
  const auto result = test::run(loop, collect_artifacts(build.order));
  REQUIRE(result.has_value());
  CHECK(result->artifacts.front().path == build.order.output_dir + "/one");
  CHECK(test::run(loop, collect_artifacts(ArtifactOrder()))->artifacts.empty());
}

}  // namespace rbit
