#include "rbit/dispatch/disk_guard.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <string>
#include <vector>

#include "tests/support/log_capture.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_dir.h"

using namespace rbit;

namespace {

constexpr std::int64_t mib = 1 << 20;

/// A guard of two directories on disks of 1000 MiB of which 100 must be free.
struct Guarded {
  test::TempDir dir;
  test::ManualClock clock;
  std::map<std::string, std::int64_t> free{{"/state", 500 * mib}, {"/work", 500 * mib}};
  std::vector<std::string> holds;
  Ballast ballast{dir.path() + "/ballast"};
  DiskGuard guard{clock,
                  {{"state-dir", "/state", {}}, {"work-dir", "/work", {}}},
                  disk::Limit{100 * mib, 1},
                  ballast,
                  {[this](const std::string& path) {
                     return Result<disk::Space>(disk::Space{free.at(path), 1000 * mib});
                   },
                   [this](const std::string& why) { holds.push_back(why); }}};
};

}  // namespace

TEST_CASE("below the limit in one place the intake is held, at one and a half it goes on") {
  Guarded it;
  it.guard.look();
  CHECK(it.holds.empty());
  it.free["/work"] = 99 * mib;
  it.guard.look();
  it.guard.look();
  REQUIRE(it.holds.size() == 1);
  CHECK(it.holds[0] == "work-dir /work has 99 MiB free, and 100 MiB are wanted");
  it.free["/work"] = 149 * mib;
  it.guard.look();
  CHECK(it.holds.size() == 1);
  it.free["/work"] = 150 * mib;
  it.guard.look();
  REQUIRE(it.holds.size() == 2);
  CHECK(it.holds[1].empty());
}

TEST_CASE(
    "before a message that comes after a while it is looked, right behind another it is not") {
  Guarded it;
  it.guard.look();
  it.free["/work"] = 99 * mib;
  it.guard.arriving();
  CHECK(it.holds.empty());
  it.clock.advance(milliseconds(5'000));
  it.guard.arriving();
  CHECK(it.holds.size() == 1);
}

TEST_CASE("the ballast is made where there is room for it, and only there") {
  Guarded it;
  it.free["/state"] = 165 * mib;  // with it there would be too little at once
  it.guard.look();
  CHECK_FALSE(it.ballast.is_there());
  it.free["/state"] = 166 * mib;
  it.guard.look();
  CHECK(it.ballast.is_there());
  struct stat info {};
  REQUIRE(::stat((it.dir.path() + "/ballast").c_str(), &info) == 0);
  CHECK(info.st_size == Ballast::size);
  CHECK(info.st_blocks * 512 >= Ballast::size);  // a hole would keep no room
}

TEST_CASE("once it is overboard nothing is taken until it is made again") {
  Guarded it;
  it.guard.look();
  REQUIRE(it.ballast.is_there());
  it.free["/state"] = 0;
  CHECK(it.guard.make_room());
  CHECK_FALSE(it.ballast.is_there());
  CHECK_FALSE(it.guard.make_room());  // there is one
  REQUIRE(it.holds.size() == 1);
  it.free["/state"] = 160 * mib;  // one and a half, but no ballast
  it.guard.look();
  CHECK(it.holds.size() == 1);
  it.free["/state"] = 182 * mib;
  it.guard.look();
  CHECK(it.holds.size() == 2);
  CHECK(it.ballast.is_there());
}

TEST_CASE("the room that it gave is not taken back at once, whatever the limit") {
  // Once it was made again before the verdict could be written.
  Guarded it;
  it.guard.look();
  it.free["/state"] = Ballast::size;
  DiskGuard unlimited(it.clock, {{"state-dir", "/state", {}}}, disk::Limit{0, 1}, it.ballast,
                      {[&](const std::string&) {
                         return Result<disk::Space>(disk::Space{it.free["/state"], 1000 * mib});
                       },
                       [&](const std::string& why) { it.holds.push_back(why); }});
  const test::LogCapture log;
  CHECK(unlimited.make_room());
  unlimited.look();
  CHECK(log.lines("set [rbit] min-free-disk lower").empty());  // lower than nothing
  CHECK(log.lines("rbit keeps 16 MiB for its verdicts, whatever min-free-disk is").size() == 1);
  CHECK_FALSE(it.ballast.is_there());
  CHECK(it.holds.size() == 1);
}

TEST_CASE("a ballast that was cut short is none") {
  test::TempDir dir;
  Ballast ballast(dir.path() + "/ballast");
  CHECK_FALSE(ballast.drop());
  CHECK(ballast.make());
  REQUIRE(::truncate((dir.path() + "/ballast").c_str(), 4096) == 0);
  CHECK_FALSE(ballast.is_there());
  CHECK(ballast.make());
  CHECK(ballast.is_there());
  CHECK_FALSE(Ballast("/nonexistent/ballast").make());
}
