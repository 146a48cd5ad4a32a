#include "rbit/run/log_keeper.h"

#include <sys/stat.h>

#include "tests/unit/run/run_fixture.h"

using namespace rbit;

namespace {

struct KeeperFixture : test::RunFixture {
  std::string logs = dir / "logs";
  std::set<std::string> running;

  /// A log of a job of `hours` ago, with `bytes` in it and its old name.
  void log(const std::string& name, int hours, std::size_t bytes) {
    const std::string path = logs + "/queue/" + name;
    std::filesystem::create_directories(logs + "/queue");
    test::write_file(path, std::string(bytes, 'x'));
    timespec times[2] = {};
    times[0].tv_sec = times[1].tv_sec = std::time(nullptr) - hours * 3600;
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
    std::filesystem::create_symlink("queue/" + name, logs + "/old-" + name);
  }
  std::int64_t sweep(LogLimits limits) {
    LogKeeper keeper(loop.get_executor(), logs, limits, [this] { return running; });
    return test::run(loop, keeper.sweep());
  }
  bool has(const std::string& name) const {
    const bool link = std::filesystem::is_symlink(logs + "/old-" + name);
    CHECK(std::filesystem::exists(logs + "/queue/" + name) == link);
    return link;
  }
};

LogLimits by_age(int days) {
  return {std::chrono::hours(24 * days), 0};
}
LogLimits by_size(std::int64_t bytes) {
  return {std::chrono::hours(0), bytes};
}

}  // namespace

TEST_CASE_FIXTURE(KeeperFixture, "logs above the age go, with their links; others stay") {
  log("a-1.log", 31 * 24, 10);
  log("b-1.log", 29 * 24, 10);
  log("c-1.log", 0, 10);
  CHECK(sweep(by_age(30)) == 1);
  CHECK_FALSE(has("a-1.log"));
  CHECK(has("b-1.log"));
  CHECK(has("c-1.log"));
  CHECK(sweep(by_age(30)) == 0);
}

TEST_CASE_FIXTURE(KeeperFixture, "of too much the oldest go first, no more than must") {
  log("a-1.log", 50, 1000);
  log("b-1.log", 40, 1000);
  log("c-1.log", 2, 1000);
  log("d-1.log", 1, 1000);
  CHECK(sweep(by_size(4000)) == 0);
  CHECK(sweep(by_size(2500)) == 2);
  CHECK_FALSE(has("b-1.log"));
  CHECK(has("c-1.log"));
  CHECK(has("d-1.log"));
}

TEST_CASE_FIXTURE(KeeperFixture, "of a minute too, the oldest go and the rest stays") {
  for (int i = 0; i < 20; ++i) log("n" + std::to_string(i) + "-1.log", 0, 1000);
  CHECK(sweep(by_size(15'500)) == 5);
  CHECK(sweep(by_size(15'500)) == 0);
}

TEST_CASE_FIXTURE(KeeperFixture, "the log of a job that runs stays, however old and large") {
  log("a-1.log", 100 * 24, 5000);
  log("b-1.log", 100 * 24, 10);
  running.insert("queue/a-1.log");
  CHECK(sweep({std::chrono::hours(24), 100}) == 1);
  CHECK(has("a-1.log"));
  CHECK_FALSE(has("b-1.log"));
}

TEST_CASE_FIXTURE(KeeperFixture, "no limit, no log directory: nothing happens") {
  CHECK(sweep(by_age(1)) == 0);
  log("a-1.log", 100 * 24, 10);
  CHECK(sweep({}) == 0);
  CHECK(has("a-1.log"));
}

TEST_CASE_FIXTURE(KeeperFixture, "what is no log of a job is left alone") {
  log("a-1.log", 100 * 24, 10);
  const std::string elsewhere = dir / "elsewhere";
  std::filesystem::create_directory(elsewhere);
  test::write_file(elsewhere + "/kept.log", "x");
  timespec times[2] = {};  // 1970
  REQUIRE(::utimensat(AT_FDCWD, (elsewhere + "/kept.log").c_str(), times, 0) == 0);
  std::filesystem::create_directory_symlink(elsewhere, logs + "/linked");
  CHECK(sweep(by_age(30)) == 1);
  CHECK(std::filesystem::exists(elsewhere + "/kept.log"));
  CHECK(std::filesystem::exists(logs + "/linked"));
}

TEST_CASE_FIXTURE(KeeperFixture, "it ends when it is told to") {
  log("a-1.log", 100 * 24, 10);
  LogKeeper keeper(loop.get_executor(), logs, by_age(30), [this] { return running; });
  spawn(loop.get_executor(), keeper.live(), "log keeper");
  // The log goes first, then its link, on another thread.
  until([&] { return !std::filesystem::is_symlink(logs + "/old-a-1.log"); });
  CHECK_FALSE(has("a-1.log"));
  test::run(loop, keeper.stop());
}
