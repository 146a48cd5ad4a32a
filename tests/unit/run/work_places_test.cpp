#include "rbit/run/work_places.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <functional>
#include <map>
#include <set>

#include "rbit/base/text.h"
#include "rbit/core/job_name.h"
#include "tests/support/loop.h"
#include "tests/unit/run/places_fixture.h"

namespace rbit {

using test::let_settle;
using test::mode_of;
using test::Places;
using test::TempDir;
namespace fs = std::filesystem;

namespace {

Job job_named(const std::string& key, int attempt = 1) {
  Job job;
  job.queue = "build";
  job.key = key;
  job.attempt = attempt;
  job.body = "the body";
  return job;
}

}  // namespace

TEST_CASE("a place is private, and empty but for the message") {
  Places places;
  const Workspace space = places.lend();
  CHECK(Workspace::is_slot(space.root()));
  CHECK(Workspace::may_be_of(space.root(), job_named("36")));
  CHECK(fs::path(space.root()).parent_path() == places.dir / "work");
  CHECK(mode_of(space.root()) == 0700);
  CHECK(mode_of(space.path()) == 0700);
  CHECK(mode_of(space.tmp_dir()) == 0700);
  CHECK(mode_of(space.message_file()) == 0400);
  CHECK(test::names_in(space.path()).empty());
  REQUIRE(space.write_message("the body").has_value());
  CHECK(test::read_file(space.message_file()) == "the body");
}

TEST_CASE("a place that a job leaves as it was is the next job's, without its message") {
  Places places;
  for (const bool is_settled : {false, true}) {
    CAPTURE(is_settled);
    std::string root;
    for (const std::string body : {"a long message", "short", "", "a long one again"}) {
      if (is_settled) let_settle();
      Workspace space = places.lend();
      if (root.empty()) root = space.root();
      CHECK(space.root() == root);
      CHECK(fs::file_size(space.message_file()) == 0);
      REQUIRE(space.write_message(body).has_value());
      CHECK(test::read_file(space.message_file()) == body);
      std::move(space).give_back("job");
      CHECK(fs::file_size(root + "/message") == 0);
    }
    CHECK(places.all->idle() == 1);
  }
}

TEST_CASE("jobs at once have a place each, and each user has his own") {
  Places places;
  Workspace one = places.lend(), two = places.lend();
  CHECK(one.root() != two.root());
  std::move(one).give_back("one");
  std::move(two).give_back("two");
  CHECK(places.all->idle() == 2);
  if (::geteuid() != 0) return;
  const Account somebody{65534, 65534, {}, "", "", ""}, other{65533, 65534, {}, "", "", ""};
  Workspace his = places.lend(&somebody);
  const std::string root = his.root();
  std::move(his).give_back("his");
  Workspace another = places.lend(&other);
  CHECK(another.root() != root);
  Workspace again = places.lend(&somebody);
  CHECK(again.root() == root);
  CHECK(places.all->idle() == 2);
}

TEST_CASE("a place that may still be in use is nobody's, however it looks") {
  Places places;
  Workspace spoilt = places.lend(), given_up = places.lend();
  const std::string one = spoilt.root(), other = given_up.root();
  spoilt.spoil();
  std::move(spoilt).give_back("job");
  std::move(given_up).give_up("job");
  CHECK(places.all->idle() == 0);
  places.settle();
  CHECK_FALSE(fs::exists(one));
  CHECK_FALSE(fs::exists(other));
  CHECK(places.links().empty());
}

TEST_CASE("a place that somebody tidies up while it waits is not the next job's") {
  Places places;
  const std::map<std::string, std::function<void(const std::string&)>> deeds{
      {"removed", [](const std::string& root) { fs::remove_all(root); }},
      {"a part removed", [](const std::string& root) { fs::remove(root + "/tmp"); }},
      {"moved", [](const std::string& root) { fs::rename(root, root + "x"); }},
      {"opened", [](const std::string& root) { ::chmod(root.c_str(), 0755); }},
      {"the work directory removed",
       [](const std::string& root) { fs::remove_all(fs::path(root).parent_path()); }},
      {"the work directory replaced", [](const std::string& root) {
         const fs::path above = fs::path(root).parent_path();
         fs::rename(above, above.string() + ".old");
         fs::create_directory(above);
       }}};
  for (const auto& [name, deed] : deeds) {
    Workspace space = places.lend();
    const std::string root = space.root();
    std::move(space).give_back("job");
    deed(root);
    Workspace next = places.lend();
    CHECK_MESSAGE(next.root() != root, name);
    CHECK_MESSAGE(fs::exists(next.path()), name);
    std::move(next).give_back("next");
    places.settle();
  }
}

TEST_CASE("a work directory that anybody may write to is refused, also once places are there") {
  if (::geteuid() != 0) return;
  Places places;
  Workspace space = places.lend();
  std::move(space).give_back("job");
  ::chmod((places.dir / "work").c_str(), 0777);
  CHECK_FALSE(places.all->lend(nullptr).has_value());
  ::chmod((places.dir / "work").c_str(), 0700);
  CHECK(places.all->lend(nullptr).has_value());
  places.settle();
}

TEST_CASE("what is kept has a name of its attempt, and the next one a number more") {
  Places places;
  std::vector<std::string> bodies{"one", "two", "three"};
  for (const auto& body : bodies) {
    Workspace space = places.lend();
    REQUIRE(space.write_message(body).has_value());
    test::write_file(space.path() + "/" + body, body);
    REQUIRE(std::move(space).keep(job_named("36", 2)).has_value());
  }
  CHECK(places.roots() == std::vector<std::string>{"build+36-2", "build+36-2.2", "build+36-2.3"});
  CHECK(test::read_file(places.dir / "work/build+36-2.3/message") == "three");
  CHECK(test::names_in(places.dir / "work/build+36-2.2/work") == std::vector<std::string>{"two"});
  CHECK(places.links().empty());
  for (const std::string& name : places.roots())
    CHECK(Workspace::may_be_of("/w/" + name, job_named("36", 2)));
  CHECK_FALSE(Workspace::may_be_of("/w/build+36-2.1", job_named("36", 2)));
  CHECK_FALSE(Workspace::may_be_of("/w/build+36-2", job_named("36", 1)));
}

TEST_CASE("names of what is kept stay below the work directory, and no two jobs have one") {
  Places places;
  std::set<std::string> keys{"../../x",
                             "/etc",
                             "..",
                             ".",
                             "",
                             "a/b",
                             "a\nb",
                             "b+a",
                             "a-1",
                             std::string(300, 'x'),
                             std::string(301, 'x'),
                             "a",
                             "A"};
  const std::string odd = "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66";
  keys.insert({odd, text::slug(odd), file_name_of(odd)});
  std::size_t kept = 0;
  for (const std::string queue : {"a", "b", "a+b", "A", "../a"})
    for (const std::string& key : keys)
      for (const int attempt : {1, 11}) {
        Job job = job_named(key, attempt);
        job.queue = queue;
        Workspace space = places.lend();
        REQUIRE(std::move(space).keep(job).has_value());
        ++kept;
      }
  std::set<std::string> names;
  for (const std::string& name : places.roots()) {
    CHECK(name.front() != '.');
    CHECK(name.find(".2") == std::string::npos);  // its own name was free
    names.insert(text::lower(name));
  }
  CHECK(names.size() == kept);
}

TEST_CASE("what is no place of ours is taken for none") {
  for (const std::string root :
       {"", "/", "slot-0123456789abcdef-1", "/w/slot-", "/w/slot-0123456789abcdef",
        "/w/slot-0123456789abcdef-", "/w/slot-0123456789abcdef-0", "/w/slot-0123456789ABCDEF-1",
        "/w/slot-0123456789abcdef-1/..", "/w/slot-0123456789abcdef-1x",
        "/w/xslot-0123456789abcdef-1"})
    CHECK_MESSAGE(!Workspace::is_slot(root), root);
  CHECK(Workspace::is_slot("/w/slot-0123456789abcdef-10"));
}

TEST_CASE("the next life removes the places of one that died, wherever they are, and no other") {
  Places places;
  std::vector<std::string> left;
  for (int i = 0; i < 3; ++i) {
    Workspace space = places.lend();
    left.push_back(space.root());
    test::write_file(space.path() + "/a", "a");
    // As if rbit were killed: nothing is undone.
    static auto* const killed = new std::vector<Workspace*>;
    killed->push_back(new Workspace(std::move(space)));
  }
  fs::create_directories(places.dir / "precious/work");
  fs::create_directories(places.dir / "work/somebodys");
  fs::create_symlink(places.dir / "precious", places.dir / "state/slots/precious");
  fs::create_symlink(places.dir / "precious", places.dir / "state/slots/slot-0123456789abcdef-1");
  const auto next_life = places.make();
  Workspace running = std::move(*next_life->lend(nullptr));
  next_life->remove_leftovers();
  test::run(places.loop, [](std::shared_ptr<WorkPlaces> life, Workspace lent) -> Task<void> {
    std::move(lent).give_back("job");
    CHECK(life->idle() == 1);
    co_await life->close();
  }(next_life, std::move(running)));
  for (const std::string& root : left) CHECK_FALSE(fs::exists(root));
  CHECK(places.roots() == std::vector<std::string>{"somebodys"});
  CHECK(fs::exists(places.dir / "precious/work"));
  CHECK(places.links() == std::vector<std::string>{"precious", "slot-0123456789abcdef-1"});
}

TEST_CASE("closing waits until what was given up is gone, and leaves nothing") {
  Places places;
  Workspace idle = places.lend(), full = places.lend(), late = places.lend();
  for (int i = 0; i < 2000; ++i) test::write_file(full.path() + "/" + std::to_string(i), "");
  std::move(idle).give_back("idle");
  std::move(full).give_back("full");
  test::run(places.loop, places.all->close());
  CHECK(places.roots().size() == 1);
  std::move(late).give_back("late");
  test::run(places.loop, places.all->close());
  CHECK(places.roots().empty());
  CHECK(places.links().empty());
}

TEST_CASE("a workspace that is dropped is removed with what is in it") {
  Places places;
  {
    const Workspace dropped = places.lend();
    test::write_file(dropped.path() + "/a", "");
    Workspace moved = places.lend();
    const Workspace other(std::move(moved));
    CHECK(fs::exists(other.path()));
  }
  CHECK(places.roots().empty());
  CHECK(places.links().empty());
}

TEST_CASE("what a job left is removed beside the loop") {
  Places places;
  Workspace space = places.lend();
  const std::string root = space.root();
  for (int i = 0; i < 2000; ++i) test::write_file(space.path() + "/" + std::to_string(i), "");
  std::move(space).give_back("job");
  CHECK(fs::exists(root));
  bool loop_went_on = false;
  asio::post(places.loop, [&] { loop_went_on = fs::exists(root); });
  places.settle();
  CHECK(loop_went_on);
  CHECK_FALSE(fs::exists(root));
}

TEST_CASE("a work directory that somebody else could replace is refused") {
  if (::geteuid() != 0) return;  // only root can give files away
  const TempDir place;
  asio::io_context loop{1};
  const auto lend = [&](const std::string& work_dir) {
    RunPlace where;
    where.state_dir = place / "state";
    where.work_dir = work_dir;
    const auto lent = std::make_shared<WorkPlaces>(loop.get_executor(), where)->lend(nullptr);
    return lent ? std::string() : lent.error().text();
  };
  fs::create_directories(place / "his/work");
  fs::create_directories(place / "state");
  ::chmod(place.path().c_str(), 01777);
  REQUIRE(::chown((place / "his").c_str(), 65534, 65534) == 0);
  for (const std::string path : {"his", "his/work", "his/new"})
    CHECK(lend(place / path).find("belongs to user 65534") != std::string::npos);
  CHECK_FALSE(fs::exists(place / "his/new"));
  fs::create_directories(place / "shared");
  ::chmod((place / "shared").c_str(), 0777);
  CHECK(lend(place / "shared") != "");
  ::chmod((place / "shared").c_str(), 01777);  // as /tmp: names that are free are ours
  CHECK(lend(place / "shared") == "");
  test::write_file(place / "file", "");
  CHECK(lend(place / "file/work").find(place / "file/work") != std::string::npos);
}

TEST_CASE("a message is for its job's user, not for others of his group") {
  if (::geteuid() != 0) return;
  Places places;
  ::chmod(places.dir.path().c_str(), 0711);
  const Account owner{65533, 65534, {}, "", "", ""};
  const Workspace space = places.lend(&owner);
  REQUIRE(space.write_message("the body").has_value());
  const auto can_read = [&](uid_t uid) {
    const pid_t child = ::fork();
    if (child == 0) {
      if (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(uid) != 0) ::_exit(2);
      const int file = ::open(space.message_file().c_str(), O_RDONLY);
      const bool replaced = ::unlink(space.message_file().c_str()) == 0;
      ::_exit(replaced ? 3 : file >= 0 ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  };
  CHECK(can_read(65533) == 0);
  CHECK(can_read(65534) == 1);
}

TEST_CASE("with an owner the job's directories are his and the rest is not") {
  if (::geteuid() != 0) return;  // only root can give files away
  Places places;
  const Account owner{65534, 65534, {}, "", "", ""};
  const Workspace space = places.lend(&owner);
  struct stat info {};
  REQUIRE(::stat(space.path().c_str(), &info) == 0);
  CHECK(info.st_uid == 65534);
  REQUIRE(::stat(space.root().c_str(), &info) == 0);
  CHECK(info.st_uid == 0);
  CHECK(info.st_gid == 65534);
  CHECK(mode_of(space.root()) == 0710);
  CHECK(mode_of(space.message_file()) == 0400);
  REQUIRE(::stat(space.message_file().c_str(), &info) == 0);
  CHECK(info.st_uid == 65534);
  CHECK((mode_of(places.dir / "work") & 0011) == 0011);
}

}  // namespace rbit
