// What patterns of `artifacts` keep, and under which names.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/run/artifact_build.h"

namespace rbit {

namespace fs = std::filesystem;
using test::Build;
using Names = std::vector<std::string>;

TEST_CASE("what a pattern matches and cannot be kept is passed over, the rest is kept") {
  Build build;
  build.makes("good.pdf");
  build.makes("dir.pdf/inside");
  build.makes("a\nb.pdf");
  build.makes("a\xff.pdf");
  const std::string work = build.order.work_dir + "/";
  REQUIRE(::mkfifo((work + "fifo.pdf").c_str(), 0600) == 0);
  REQUIRE(::mknod((work + "socket.pdf").c_str(), S_IFSOCK | 0600, 0) == 0);
  fs::create_symlink("/etc/passwd", work + "out.pdf");
  fs::create_symlink("../../../../../etc/passwd", work + "up.pdf");
  fs::create_symlink("nothing", work + "dangling.pdf");
  fs::create_symlink("loop.pdf", work + "loop.pdf");
  fs::create_symlink("dir.pdf", work + "todir.pdf");
  test::write_file(build.place / "another's", "");
  fs::create_hard_link(build.place / "another's", work + "hard.pdf");
  build.order.globs = {"*.pdf", "none*", "**/*.pdf"};
  CHECK(build.kept() == Names{"good.pdf"});
  CHECK(build.said.passed_over.size() == 11);  // each once
  CHECK(build.said.notes == Names{"artifacts: none* matches nothing"});
  CHECK(test::read_file(build.place / "another's").empty());
}

TEST_CASE("links to regular files of the work directory are kept as what they point to") {
  Build build;
  build.makes("build/x-1.2.pdf", "text");
  const std::string work = build.order.work_dir + "/";
  fs::create_symlink("build/x-1.2.pdf", work + "relative.pdf");
  fs::create_symlink(work + "build/x-1.2.pdf", work + "absolute.pdf");
  fs::create_symlink("relative.pdf", work + "twice.pdf");
  fs::create_symlink("../work/build/x-1.2.pdf", work + "away and back.pdf");
  fs::create_directory_symlink("build", work + "latest");
  SUBCASE("matched") {
    build.order.globs = {"*.pdf", "latest/*.pdf"};
    CHECK(build.kept() == Names{"absolute.pdf", "relative.pdf", "twice.pdf", "x-1.2.pdf"});
    CHECK(build.said.passed_over.size() == 1);  // it leaves the directory on its way
  }
  SUBCASE("named") {
    build.names("relative.pdf").names("latest/x-1.2.pdf").names(work + "absolute.pdf");
    CHECK(build.kept() == Names{"relative.pdf", "x-1.2.pdf", "absolute.pdf"});
  }
  for (const auto& name : test::names_in(build.order.output_dir)) {
    CHECK(fs::symlink_status(build.order.output_dir + "/" + name).type() == fs::file_type::regular);
    CHECK(test::read_file(build.order.output_dir + "/" + name) == "text");
  }
}

TEST_CASE("a directory keeps its contents with their paths") {
  Build build;
  for (const std::string path :
       {"dist/a", "dist/sub/a", "dist/.hidden", "dist/sub/deep/b", "b", "x/dist/c"})
    build.makes(path, path);
  fs::create_directory(build.order.work_dir + "/empty");
  SUBCASE("one") {
    build.order.globs = {"dist/", "dist/*", "empty/"};
    CHECK(build.kept() == Names{"dist/.hidden", "dist/a", "dist/sub/a", "dist/sub/deep/b"});
    CHECK(test::read_file(build.order.output_dir + "/dist/sub/a") == "dist/sub/a");
    CHECK(build.said.notes == Names{"artifacts: empty/ matches nothing"});
    CHECK(build.said.passed_over ==
          Names{"dist/sub: is a directory (dist/sub/ stands for what is in it)"});
  }
  SUBCASE("at any depth") {
    build.order.globs = {"**/dist/"};
    CHECK(build.kept().size() == 5);
    CHECK(fs::exists(build.order.output_dir + "/x/dist/c"));
  }
  SUBCASE("all there is") {
    build.order.globs = {"./"};
    CHECK(build.kept().size() == 6);
  }
  SUBCASE("without its slash") {
    build.order.globs = {"dist"};
    CHECK(build.kept().empty());
    CHECK(build.said.passed_over == Names{"dist: is a directory (dist/ stands for what is in it)"});
  }
  SUBCASE("through a link that stays") {
    fs::create_directory_symlink("dist", build.order.work_dir + "/now");
    build.order.globs = {"now/"};
    CHECK(build.kept() == Names{"now/.hidden", "now/a", "now/sub/a", "now/sub/deep/b"});
  }
  SUBCASE("through one that leaves") {
    fs::create_directory_symlink("/etc", build.order.work_dir + "/now");
    build.order.globs = {"now/", "now/passwd"};
    CHECK(build.kept().empty());
    CHECK(build.said.passed_over == Names{"now: is a link that leads out of the job's directory"});
  }
}

TEST_CASE("of several with one base name all keep their paths") {
  Build build;
  for (const std::string path : {"a/x.txt", "b/x.txt", "x.txt", "c/y.txt", "a/c"})
    build.makes(path, path);
  build.order.globs = {"**/*.txt"};
  CHECK(build.kept() == Names{"a/x.txt", "b/x.txt", "y.txt", "x.txt"});
  CHECK(test::read_file(build.order.output_dir + "/b/x.txt") == "b/x.txt");
  // A directory has that name: here as there.
  build.order.globs = {"c/*", "a/c", "c/"};
  CHECK(build.kept() == Names{"c/y.txt", "a/c"});
}

TEST_CASE("hard links within the job's directories are its own, others are not") {
  Build build;
  build.makes("target/foo", "text");
  const std::string work = build.order.work_dir + "/";
  fs::create_directory(work + "deps");
  fs::create_hard_link(work + "target/foo", work + "deps/foo-123");
  build.order.globs = {"target/*", "deps/*"};
  SUBCASE("both in its work directory") {
    CHECK(build.kept() == Names{"foo", "foo-123"});
  }
  SUBCASE("one in its temporary directory") {
    fs::create_hard_link(work + "target/foo", build.order.tmp_dir + "/third");
    CHECK(build.kept() == Names{"foo", "foo-123"});
  }
  SUBCASE("one outside") {
    fs::create_hard_link(work + "target/foo", build.place / "outside");
    CHECK(build.kept().empty());
    CHECK(build.said.passed_over.size() == 2);
    CHECK(build.names("target/foo").refuses("has another name outside the job's directory"));
  }
  SUBCASE("of another account") {
    if (::geteuid() != 0) return;
    build.order.account = 65534;  // and they are root's
    CHECK(build.kept().empty());
  }
  struct stat source {};
  REQUIRE(::stat((work + "target/foo").c_str(), &source) == 0);
  for (const auto& name : test::names_in(build.order.output_dir)) {
    struct stat kept {};
    REQUIRE(::stat((build.order.output_dir + "/" + name).c_str(), &kept) == 0);
    CHECK(kept.st_ino != source.st_ino);
    CHECK(kept.st_nlink == 1);
  }
}

TEST_CASE("others may not write to what is kept, wherever it lies") {
  Build build;
  build.makes("one");
  test::write_file(build.order.output_dir + "/two", "");
  for (const auto& path : {build.order.work_dir + "/one", build.order.output_dir + "/two"})
    REQUIRE(::chmod(path.c_str(), 07777) == 0);
  build.names("one").names(build.order.output_dir + "/two");
  CHECK(build.kept() == Names{"one", "two"});
  for (const std::string name : {"one", "two"}) {
    struct stat info {};
    REQUIRE(::stat((build.order.output_dir + "/" + name).c_str(), &info) == 0);
    CHECK((info.st_mode & 07777) == 0755);
  }
}

TEST_CASE("a file that only another user may read is no artifact, wherever it was moved") {
  if (::geteuid() != 0) return;  // only root can give files away
  constexpr uid_t job = 65534, other = 1;
  Build build;
  build.order.account = job;
  build.order.globs = {"*"};
  const auto give = [&](const std::string& path, uid_t owner, mode_t mode) {
    test::write_file(path, "text");
    REQUIRE(::chown(path.c_str(), owner, static_cast<gid_t>(-1)) == 0);
    REQUIRE(::chmod(path.c_str(), mode) == 0);
  };
  const std::string work = build.order.work_dir + "/", output = build.order.output_dir + "/";
  give(work + "own", job, 0600);
  give(work + "secret", other, 0640);
  give(work + "public", other, 0644);
  CHECK(build.kept() == Names{"own", "public"});
  CHECK(build.said.passed_over.size() == 1);

  // What lies in the output directory may be another job's; its mode is not for this one to change.
  build.order.globs.clear();
  give(output + "of-another", other, 0666);
  CHECK(build.names(output + "of-another").refuses("others may write to it"));
  CHECK(fs::status(output + "of-another").permissions() == fs::perms(0666));
  build.order.named.clear();
  give(output + "linked", job, 0644);
  fs::create_hard_link(output + "linked", build.place / "outside");
  CHECK(build.names(output + "linked").refuses("has another name outside"));
  build.order.named.clear();
  give(output + "unreadable", other, 0600);
  CHECK(build.names(output + "unreadable").refuses("not everybody may read it"));
}

TEST_CASE("a directory in the way is passed over for a pattern") {
  Build build;
  build.makes("dir");
  build.makes("sub/file");
  build.makes("good");
  fs::create_directory(build.order.output_dir + "/dir");
  test::write_file(build.order.output_dir + "/sub", "");
  build.order.globs = {"*", "sub/"};
  CHECK(build.kept() == Names{"good"});
  CHECK(build.said.passed_over.size() == 3);
}

TEST_CASE("what was required and what is missing") {
  Build build;
  build.makes("a.pdf");
  build.order.globs = {"*"};
  build.order.required = {"*.pdf", "*.epub"};
  CHECK(build.kept() == Names{"a.pdf"});
  CHECK(build.said.missing == Names{"*.epub"});
  build.order.needs_required = true;
  fs::remove(build.order.output_dir + "/a.pdf");
  CHECK(build.refuses("*.epub matches nothing"));
}

TEST_CASE("who was told to stop keeps nothing") {
  Build build;
  build.makes("one");
  const std::atomic<bool> stop{true};
  build.order.stop = &stop;
  CHECK(build.names("one").refuses("the job was cancelled"));
}

}  // namespace rbit
