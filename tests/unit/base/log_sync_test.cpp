#include "rbit/base/log_sync.h"

#include <doctest/doctest.h>
#include <sqlite3.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/loop.h"
#include "tests/support/open_database.h"
#include "tests/support/temp_dir.h"

using namespace rbit;
using test::open_database;
using test::TempDir;

namespace {

/// A log whose syncs end when they are told to.
struct SlowLog {
  sqlite3_file base{};  // the first member: it is what SQLite's callers know
  sqlite3_io_methods methods{};
  std::mutex mutex;
  std::condition_variable changed;
  int begun = 0, may_end = 0, code = SQLITE_OK;

  SlowLog() {
    methods.iVersion = 1;
    methods.xSync = [](sqlite3_file* file, int) {
      auto& self = *reinterpret_cast<SlowLog*>(file);
      std::unique_lock<std::mutex> guard(self.mutex);
      ++self.begun;
      self.changed.notify_all();
      self.changed.wait(guard, [&self] { return self.may_end >= self.begun; });
      return self.code;
    };
    base.pMethods = &methods;
  }
  void wait_for_begin(int which) {
    std::unique_lock<std::mutex> guard(mutex);
    changed.wait(guard, [&] { return begun >= which; });
  }
  void end(int which, int with = SQLITE_OK) {
    const std::lock_guard<std::mutex> guard(mutex);
    may_end = which;
    code = with;
    changed.notify_all();
  }
};

Result<void> write(asio::io_context& loop, Database& database, std::string text,
                   Durability durability = Durability::power) {
  Database::Change change = [text](Database& in) {
    return in.run("INSERT INTO t(x) VALUES(?)", text);
  };
  return test::run(loop, database.write(durability, std::move(change)));
}

constexpr std::uintmax_t log_size = 4 << 20;

}  // namespace

TEST_CASE("the loop goes on while a sync is under way, and hears what it came to") {
  asio::io_context loop;
  SlowLog log;
  std::vector<int> codes;
  LogSync sync(loop.get_executor(), [&](int code) { codes.push_back(code); });
  CHECK_FALSE(sync.is_busy());
  sync.begin(&log.base);
  log.wait_for_begin(1);
  CHECK(sync.is_busy());
  CHECK(loop.poll() == 0);
  CHECK(codes.empty());
  log.end(1, SQLITE_IOERR_FSYNC);
  loop.restart();
  loop.run();  // it has work until `done` was called
  CHECK(codes == std::vector<int>{SQLITE_IOERR_FSYNC});
  CHECK_FALSE(sync.is_busy());
}

TEST_CASE("who waits for a sync has heard of it, and hears of it once") {
  asio::io_context loop;
  SlowLog log;
  log.end(10);
  int heard = 0;
  LogSync sync(loop.get_executor(), [&](int) { ++heard; });
  sync.finish();  // nothing is under way
  for (int i = 1; i <= 3; ++i) {
    sync.begin(&log.base);
    sync.finish();
    CHECK(heard == i);
  }
  loop.run();
  CHECK(heard == 3);
}

TEST_CASE("a sync that is under way is waited for at the end, and nobody hears of it") {
  asio::io_context loop;
  SlowLog log;
  log.end(1);
  int heard = 0;
  {
    LogSync sync(loop.get_executor(), [&](int) { ++heard; });
    sync.begin(&log.base);
  }
  CHECK(log.begun == 1);
  loop.run();
  CHECK(heard == 0);
}

TEST_CASE("who needs no sync is answered before who waits for one") {
  TempDir dir;
  asio::io_context loop;
  const auto database = open_database(loop, dir / "a.db");
  REQUIRE(database->execute("CREATE TABLE t(x)"));
  std::string order;
  const auto one = [&](Durability durability, char name) -> Task<void> {
    Database::Change change = [](Database& in) { return in.run("INSERT INTO t(x) VALUES(1)"); };
    const auto written = co_await database->write(durability, std::move(change));
    CHECK(written);
    order += name;
  };
  for (int turn = 0; turn < 3; ++turn) {
    order.clear();
    for (const char name : {'a', 'b', 'c'})
      spawn(loop.get_executor(), one(Durability::power, name), "test");
    spawn(loop.get_executor(), one(Durability::process, 'd'), "test");
    loop.restart();
    loop.run();
    CHECK(order == "dabc");
  }
}

TEST_CASE("the log gets its size with the first sync, and keeps it over restarts") {
  TempDir dir;
  asio::io_context loop;
  const std::string wal = dir / "a.db-wal";
  for (int life = 0; life < 3; ++life) {
    auto database = open_database(loop, dir / "a.db");
    REQUIRE(database->execute("CREATE TABLE IF NOT EXISTS t(x)"));
    REQUIRE(write(loop, *database, "a"));
    CHECK(std::filesystem::file_size(wal) == log_size);
    database.reset();
    REQUIRE(std::filesystem::file_size(wal) == log_size);
    CHECK(test::read_file(wal).substr(0, 32) == std::string(32, '\0'));  // empty
    CHECK(test::count_rows(*open_database(loop, dir / "a.db"), "t") == life + 1);
  }
}

TEST_CASE("what lies in the log of another file is not taken for ours") {
  // Who goes back to a copy puts it there beside the log of what he replaced.
  TempDir dir;
  asio::io_context loop;
  {
    const auto database = open_database(loop, dir / "a.db");
    REQUIRE(database->execute("CREATE TABLE t(x)"));
    REQUIRE(database->back_up(dir / "b.db"));
    REQUIRE(write(loop, *database, "a"));
  }
  std::filesystem::rename(dir / "b.db", dir / "a.db");
  const auto database = open_database(loop, dir / "a.db");
  CHECK(test::count_rows(*database, "t") == 0);
  CHECK(write(loop, *database, "b"));
}

TEST_CASE("the log is copied into the file before it outgrows its size, and shrinks to it again") {
  TempDir dir;
  asio::io_context loop;
  const std::string wal = dir / "a.db-wal";
  const auto database = open_database(loop, dir / "a.db");
  REQUIRE(database->execute("CREATE TABLE t(x)"));
  const std::string large(100'000, 'x');
  for (int i = 0; i < 100; ++i) {
    REQUIRE(write(loop, *database, large, i % 3 == 0 ? Durability::power : Durability::process));
    CHECK(std::filesystem::file_size(wal) == log_size);
  }
  REQUIRE(write(loop, *database, std::string(6 << 20, 'x')));
  CHECK(std::filesystem::file_size(wal) > log_size);
  REQUIRE(write(loop, *database, "a"));
  CHECK(std::filesystem::file_size(wal) == log_size);
}
