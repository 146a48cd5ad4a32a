// What a job may leave in its place, or change about it, and what becomes of that.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <map>

#include "tests/unit/run/places_fixture.h"

namespace rbit {

using test::let_settle;
using test::mode_of;
using test::Places;
namespace fs = std::filesystem;

namespace {

using Deed = std::function<void(const Workspace&)>;

void shell(const std::string& line) {
  REQUIRE_MESSAGE(std::system(line.c_str()) == 0, line);
}

/// Lends a place, as a job of before it left it, does something in it, and tells whether the next
/// job gets it.
bool is_next_ones(Places& places, const Deed& deed, const Account* owner = nullptr) {
  Workspace before = places.lend(owner);
  std::move(before).give_back("before");
  Workspace space = places.lend(owner);
  const std::string root = space.root();
  REQUIRE(space.write_message("message").has_value());
  deed(space);
  std::move(space).give_back("job");
  Workspace next = places.lend(owner);
  const bool is_same = next.root() == root;
  CHECK(test::names_in(next.path()).empty());
  CHECK(test::names_in(next.tmp_dir()).empty());
  CHECK(test::names_in(next.root()) == std::vector<std::string>{"message", "tmp", "work"});
  CHECK(fs::file_size(next.message_file()) == 0);
  struct stat info {};
  REQUIRE(::stat(next.path().c_str(), &info) == 0);
  CHECK(info.st_uid == (owner ? owner->uid : ::geteuid()));
  for (const std::string& part : {next.path(), next.tmp_dir()}) {
    CHECK(mode_of(part) == 0700);
    std::array<char, 512> names{};
    CHECK(::listxattr(part.c_str(), names.data(), names.size()) <= 0);
  }
  std::move(next).give_back("next");
  places.settle();
  // What was left is gone, and so is what says that it was there.
  CHECK(fs::exists(root) == is_same);
  CHECK(places.roots() == places.links());
  return is_same;
}

const std::map<std::string, Deed>& harmless() {
  static const std::map<std::string, Deed> all{
      {"nothing", [](const Workspace&) {}},
      {"files that are gone again",
       [](const Workspace& space) {
         for (const std::string& part : {space.path(), space.tmp_dir(), space.root()}) {
           test::write_file(part + "/a", "a");
           fs::create_directories(part + "/b/c");
           fs::remove(part + "/a");
           fs::remove_all(part + "/b");
         }
       }},
      {"a mode that is put back",
       [](const Workspace& space) {
         ::chmod(space.path().c_str(), 0);
         ::chmod(space.path().c_str(), 0700);
       }},
      {"other words in the message",
       [](const Workspace& space) {
         ::chmod(space.message_file().c_str(), 0600);
         test::write_file(space.message_file(), std::string(100'000, 'x'));
         ::chmod(space.message_file().c_str(), 0400);
       }},
      {"times",
       [](const Workspace& space) { ::utimensat(AT_FDCWD, space.path().c_str(), nullptr, 0); }},
  };
  return all;
}

const std::map<std::string, Deed>& harmful() {
  static const std::map<std::string, Deed> all{
      {"a file", [](const Workspace& space) { test::write_file(space.path() + "/a", "a"); }},
      {"a hidden file",
       [](const Workspace& space) { test::write_file(space.tmp_dir() + "/.a", ""); }},
      {"a directory", [](const Workspace& space) { fs::create_directory(space.path() + "/..."); }},
      {"a link", [](const Workspace& space) { fs::create_symlink("/", space.tmp_dir() + "/a"); }},
      {"a file beside", [](const Workspace& space) { test::write_file(space.root() + "/.a", ""); }},
      {"a directory beside",
       [](const Workspace& space) { fs::create_directory(space.root() + "/more"); }},
      {"mode of work", [](const Workspace& space) { ::chmod(space.path().c_str(), 0755); }},
      {"mode 0", [](const Workspace& space) { ::chmod(space.tmp_dir().c_str(), 0); }},
      {"a sticky bit", [](const Workspace& space) { ::chmod(space.path().c_str(), 01700); }},
      {"mode of the root", [](const Workspace& space) { ::chmod(space.root().c_str(), 0777); }},
      {"mode of the message",
       [](const Workspace& space) { ::chmod(space.message_file().c_str(), 0444); }},
      {"work renamed",
       [](const Workspace& space) { fs::rename(space.path(), space.root() + "/w"); }},
      {"work replaced",
       [](const Workspace& space) {
         fs::remove(space.path());
         fs::create_directory(space.path());
         ::chmod(space.path().c_str(), 0700);
       }},
      {"work and tmp swapped",
       [](const Workspace& space) {
         fs::rename(space.path(), space.root() + "/x");
         fs::rename(space.tmp_dir(), space.path());
         fs::rename(space.root() + "/x", space.tmp_dir());
       }},
      {"a link in its place",
       [](const Workspace& space) {
         fs::rename(space.path(), space.root() + "/../elsewhere");
         fs::create_symlink("../elsewhere", space.path());
         fs::remove(space.root() + "/../elsewhere");
       }},
      {"tmp gone", [](const Workspace& space) { fs::remove(space.tmp_dir()); }},
      {"the whole moved away and back, as another",
       [](const Workspace& space) {
         fs::remove_all(space.root());
         fs::create_directory(space.root());
       }},
      {"the message gone", [](const Workspace& space) { fs::remove(space.message_file()); }},
      {"the message replaced",
       [](const Workspace& space) {
         fs::remove(space.message_file());
         test::write_file(space.message_file(), "other");
         ::chmod(space.message_file().c_str(), 0400);
       }},
      {"a hard link of the message",
       [](const Workspace& space) {
         fs::create_hard_link(space.message_file(), space.root() + "/../hard");
         fs::rename(space.root() + "/../hard",
                    space.root() + "/../../hard" + fs::path(space.root()).filename().string());
       }},
      {"many files that are gone",
       [](const Workspace& space) {
         for (int i = 0; i < 3000; ++i)
           test::write_file(space.path() + "/" + std::string(40, 'f') + std::to_string(i), "");
         for (int i = 0; i < 3000; ++i)
           fs::remove(space.path() + "/" + std::string(40, 'f') + std::to_string(i));
       }},
      {"a file of ours",
       [](const Workspace& space) { REQUIRE(space.add("NAME", "long").has_value()); }},
  };
  return all;
}

bool is_large_directory(const Places& places) {
  struct stat info {};
  return ::stat(places.dir.path().c_str(), &info) == 0 && info.st_size >= 4096;
}

}  // namespace

TEST_CASE("what a job leaves or changes costs it the place, and is gone soon") {
  for (const bool is_settled : {false, true}) {
    Places places;
    if (is_settled) {
      Workspace first = places.lend();
      std::move(first).give_back("first");
      let_settle();
    }
    for (const auto& [name, deed] : harmless()) CHECK_MESSAGE(is_next_ones(places, deed), name);
    for (const auto& [name, deed] : harmful()) {
      // Some file systems (tmpfs) have directories that shrink.
      if (name == "many files that are gone" && !is_large_directory(places)) continue;
      CHECK_MESSAGE(!is_next_ones(places, deed), name);
    }
  }
}

TEST_CASE("what root alone can leave costs the place too") {
  if (::geteuid() != 0) return;
  Places places;
  const Account owner{65534, 65534, {}, "", "", ""};
  const std::map<std::string, Deed> deeds{
      {"owner", [](const Workspace& space) { (void)::chown(space.path().c_str(), 1, 1); }},
      {"group", [](const Workspace& space) { (void)::chown(space.tmp_dir().c_str(), 65534, 1); }},
      {"owner of the message",
       [](const Workspace& space) { (void)::chown(space.message_file().c_str(), 1, 65534); }},
  };
  for (const auto& [name, deed] : deeds) CHECK_MESSAGE(!is_next_ones(places, deed, &owner), name);
  for (const auto& [name, deed] : harmless())
    CHECK_MESSAGE(is_next_ones(places, deed, &owner), name);
}

TEST_CASE("an attribute or an access list costs the place, where there are such") {
  Places places;
  const auto set = [](const std::string& path) {
    return ::setxattr(path.c_str(), "user.rbit", "1", 1, 0) == 0;
  };
  bool can = false;
  {
    const Workspace space = places.lend();
    can = set(space.path());
  }
  places.settle();
  if (!can) return;
  for (const std::string part : {"/work", "/tmp", ""})
    CHECK(!is_next_ones(places, [&](const Workspace& space) { CHECK(set(space.root() + part)); }));
  const Deed on_message = [&](const Workspace& space) {
    ::chmod(space.message_file().c_str(), 0600);
    CHECK(set(space.message_file()));
    ::chmod(space.message_file().c_str(), 0400);
  };
  CHECK(!is_next_ones(places, on_message));
  const bool has_acl = std::system("command -v setfacl > /dev/null") == 0;
  if (has_acl)
    CHECK(!is_next_ones(places, [](const Workspace& space) {
      shell("setfacl -d -m u:nobody:rwx " + space.path());
    }));
}

TEST_CASE("a flag of chattr costs the place; one that forbids to remove it is said") {
  if (::geteuid() != 0 || std::system("command -v chattr lsattr > /dev/null") != 0) return;
  Places places;
  {
    const Workspace space = places.lend();
    if (std::system(("chattr +d " + space.path() + " 2> /dev/null").c_str()) != 0) return;
  }
  places.settle();
  for (const std::string flag : {"+d", "+S", "+A"})
    for (const std::string part : {"/work", "/tmp", "", "/message"})
      CHECK(!is_next_ones(places, [&](const Workspace& space) {
        shell("chattr " + flag + " " + space.root() + part);
      }));
  Workspace space = places.lend();
  const std::string root = space.root();
  shell("chattr +a " + space.path());
  std::move(space).give_back("job");
  CHECK(places.lend().root() != root);
  places.settle();
  CHECK(fs::exists(root + "/work"));
  CHECK(places.links() == places.roots());  // the next start tries again
  shell("chattr -a " + root + "/work");
  places.all->remove_leftovers();
  CHECK(fs::exists(root + "/work"));  // not what this life made
  const auto next_life = places.make();
  next_life->remove_leftovers();
  places.settle();
  CHECK_FALSE(fs::exists(root));
}

TEST_CASE("a mount in it costs the place, and is left alone") {
  if (::geteuid() != 0) return;
  Places places;
  for (const std::string part : {"/work", "/tmp", ""}) {
    Workspace space = places.lend();
    const std::string root = space.root();
    const std::string mount = root + part;
    if (std::system(("mount --bind " + mount + " " + mount + " 2> /dev/null").c_str()) != 0) return;
    std::move(space).give_back("job");
    const bool is_same = places.lend().root() == root;
    shell("umount " + mount);
    CHECK_FALSE(is_same);
    places.settle();
  }
}

}  // namespace rbit
