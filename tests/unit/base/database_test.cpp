#include "rbit/base/database.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/loop.h"
#include "tests/support/open_database.h"
#include "tests/support/print.h"
#include "tests/support/temp_dir.h"

using namespace rbit;

namespace {

using test::open_database;
using test::TempDir;

Database::Change insert(std::string text) {
  return [text](Database& in) { return in.prepare("INSERT INTO t(x) VALUES(?)").bind(text).run(); };
}

std::vector<std::string> rows(Database& database) {
  auto row = database.prepare("SELECT x FROM t ORDER BY rowid");
  std::vector<std::string> found;
  while (*row.step()) found.push_back(row.text(0));
  return found;
}

}  // namespace

TEST_CASE("values come back as they were bound") {
  asio::io_context loop;
  const auto database = open_database(loop);
  REQUIRE(database->execute("CREATE TABLE t(a, b, c, d, e)"));
  const std::string bytes("a\0\xff", 3);
  REQUIRE(database->prepare("INSERT INTO t VALUES(?, ?, ?, ?, ?)")
              .bind(std::int64_t{1} << 40)
              .bind(bytes)
              .bind_blob(bytes)
              .bind_null()
              .bind(std::string_view())
              .run());
  auto row = database->prepare("SELECT * FROM t");
  REQUIRE(*row.step());
  CHECK(row.integer(0) == std::int64_t{1} << 40);
  CHECK(row.text(1) == bytes);
  CHECK(row.blob(2) == bytes);
  CHECK(row.view(2) == bytes);
  CHECK(row.is_null(3));
  CHECK_FALSE(row.is_null(4));
  CHECK(row.text(4).empty());
  CHECK_FALSE(*row.step());
}

TEST_CASE("one SQL may be used twice at a time") {
  asio::io_context loop;
  const auto database = open_database(loop);
  REQUIRE(database->execute("CREATE TABLE t(x); INSERT INTO t VALUES(1); INSERT INTO t VALUES(2)"));
  auto outer = database->prepare("SELECT x FROM t");
  int pairs = 0;
  while (*outer.step()) {
    auto inner = database->prepare("SELECT x FROM t");
    while (*inner.step()) ++pairs;
  }
  CHECK(pairs == 4);
}

TEST_CASE("writes of one turn are one transaction, answered in order") {
  asio::io_context loop;
  const auto database = open_database(loop);
  REQUIRE(database->execute("CREATE TABLE t(x)"));
  std::string order;
  int transactions = 0;
  const auto write = [&](char name) -> Task<void> {
    Database::Change change = [&, name](Database& in) {
      // Only the first of a transaction finds no row of this transaction.
      auto count = in.prepare("SELECT count(*) FROM t");
      (void)count.step();
      if (count.integer(0) == 0) ++transactions;
      return in.prepare("INSERT INTO t(x) VALUES(?)").bind(std::string(1, name)).run();
    };
    const auto written = co_await database->write(Durability::process, std::move(change));
    CHECK(written);
    order += name;
  };
  for (const char name : {'a', 'b', 'c'}) spawn(loop.get_executor(), write(name), "test");
  loop.run();
  CHECK(order == "abc");
  CHECK(transactions == 1);
  CHECK(rows(*database) == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("a change that fails takes nobody along") {
  asio::io_context loop;
  const auto database = open_database(loop);
  REQUIRE(database->execute("CREATE TABLE t(x)"));
  const auto write = [&](std::string text, bool fails, bool& ok) -> Task<void> {
    Database::Change change = [text, fails](Database& in) -> Result<void> {
      const auto done = insert(text)(in);
      if (fails) return Error{"test", "refused", ""};
      return done;
    };
    const auto written = co_await database->write(Durability::process, std::move(change));
    ok = written.has_value();
  };
  bool a = false, b = true, c = false;
  spawn(loop.get_executor(), write("a", false, a), "test");
  spawn(loop.get_executor(), write("b", true, b), "test");
  spawn(loop.get_executor(), write("c", false, c), "test");
  loop.run();
  CHECK(a);
  CHECK_FALSE(b);
  CHECK(c);
  CHECK(rows(*database) == std::vector<std::string>{"a", "c"});

  bool alone = true;
  loop.restart();
  spawn(loop.get_executor(), write("d", true, alone), "test");
  loop.run();
  CHECK_FALSE(alone);
  CHECK(rows(*database) == std::vector<std::string>{"a", "c"});
}

TEST_CASE("flush commits what is queued at once, and post has nobody waiting") {
  asio::io_context loop;
  const auto database = open_database(loop);
  REQUIRE(database->execute("CREATE TABLE t(x)"));
  database->post(Durability::process, insert("a"));
  database->flush();
  CHECK(rows(*database).size() == 1);
}

TEST_CASE("what is queued when the database goes is not written") {
  TempDir dir;
  asio::io_context loop;
  {
    const auto database = open_database(loop, dir / "a.db");
    REQUIRE(database->execute("CREATE TABLE t(x)"));
    database->post(Durability::process, insert("a"));
  }
  loop.run();  // the commit that was due finds nobody
  CHECK(rows(*open_database(loop, dir / "a.db")).empty());
}

TEST_CASE("the file is for its owner alone") {
  TempDir dir;
  asio::io_context loop;
  const auto database = open_database(loop, dir / "a.db");
  REQUIRE(database->execute("CREATE TABLE t(x)"));
  for (const auto& file : std::filesystem::directory_iterator(dir.path()))
    CHECK((file.status().permissions() & std::filesystem::perms(0077)) ==
          std::filesystem::perms::none);
}

TEST_CASE("a second process is refused, with the cure") {
  TempDir dir;
  asio::io_context loop;
  const auto database = open_database(loop, dir / "a.db");
  const pid_t child = ::fork();
  if (child == 0) {
    const auto second = Database::open(loop.get_executor(), dir / "a.db");
    const bool told = !second && second.error().cure.find("another rbit") != std::string::npos;
    ::_exit(told ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
}

TEST_CASE("errors name the file") {
  asio::io_context loop;
  const auto missing = Database::open(loop.get_executor(), "/nonexistent/a.db");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().thing == "/nonexistent/a.db");
  CHECK_FALSE(missing.error().cure.empty());

  TempDir dir;
  test::write_file(dir / "a.db", std::string(5000, 'x'));
  const auto damaged = Database::open(loop.get_executor(), dir / "a.db");
  REQUIRE_FALSE(damaged);
  CHECK(damaged.error().cure.find("damaged") != std::string::npos);

  const auto database = open_database(loop);
  CHECK_THROWS_AS(database->prepare("SELEC 1"), Fatal);
}

TEST_CASE("a copy holds what was committed") {
  TempDir dir;
  asio::io_context loop;
  {
    const auto database = open_database(loop, dir / "a.db");
    REQUIRE(database->execute("CREATE TABLE t(x); INSERT INTO t VALUES('a')"));
    CHECK(database->check(std::chrono::seconds(5)));
    CHECK(database->back_up(dir / "b.db"));
  }
  CHECK(rows(*open_database(loop, dir / "b.db")) == std::vector<std::string>{"a"});
}

TEST_CASE("what was answered survives SIGKILL, synced or not") {
  TempDir dir;
  const std::string file = dir / "a.db";
  int answered[2];
  REQUIRE(::pipe(answered) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    asio::io_context loop;
    const auto database = open_database(loop, file);
    (void)database->execute("CREATE TABLE t(x)");
    const auto write_for_ever = [&]() -> Task<void> {
      for (int i = 0;; ++i) {
        Database::Change change = insert(std::to_string(i));
        const auto durability = i % 2 == 0 ? Durability::process : Durability::power;
        const auto written = co_await database->write(durability, std::move(change));
        if (written && ::write(answered[1], "+", 1) != 1) ::_exit(1);
      }
    };
    test::run(loop, write_for_ever());
    ::_exit(1);
  }
  ::close(answered[1]);
  std::size_t heard = 0;
  char plus[64];
  for (bool killed = false;;) {
    const auto count = ::read(answered[0], plus, sizeof plus);
    if (count <= 0) break;
    heard += static_cast<std::size_t>(count);
    if (heard >= 50 && !killed) {
      ::kill(child, SIGKILL);
      killed = true;
    }
  }
  ::close(answered[0]);
  ::waitpid(child, nullptr, 0);

  asio::io_context loop;
  const auto found = rows(*open_database(loop, file));
  CHECK(found.size() >= heard);
  CHECK(found.size() <= heard + 1);  // one may have been committed and not yet answered
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == std::to_string(i));
}

namespace {

/// A file that may not grow until it is opened anew, which is what a full disk looks like.
std::unique_ptr<Database> full_disk(asio::io_context& loop, const TempDir& dir) {
  auto database = open_database(loop, dir / "a.db");
  REQUIRE(database->execute("CREATE TABLE t(x); PRAGMA max_page_count=2"));
  return database;
}

const std::string too_much(100'000, 'x');

Result<void> write(asio::io_context& loop, Database& database, std::string text, Reserve reserve) {
  Database::Change change = insert(std::move(text));
  return test::run(loop, database.write(Durability::power, std::move(change), reserve));
}

}  // namespace

TEST_CASE("a full disk fails the write with the cure; the next one finds the file opened anew") {
  TempDir dir;
  asio::io_context loop;
  const auto database = full_disk(loop, dir);
  int asked = 0;
  database->on_full([&] { return ++asked > 0; });
  const auto failed = write(loop, *database, too_much, Reserve::keep);
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().cure == "the disk is full: make room");
  CHECK(asked == 0);
  CHECK(rows(*database).empty());
  CHECK(write(loop, *database, "b", Reserve::keep));
  CHECK(rows(*database) == std::vector<std::string>{"b"});
}

TEST_CASE("a write that may use the reserve is made again once there is room") {
  TempDir dir;
  asio::io_context loop;
  const auto database = full_disk(loop, dir);
  bool has_reserve = false;
  int asked = 0;
  database->on_full([&] {
    ++asked;
    return std::exchange(has_reserve, false);
  });
  CHECK_FALSE(write(loop, *database, too_much, Reserve::use));
  CHECK(asked == 1);
  has_reserve = true;
  REQUIRE(database->execute("PRAGMA max_page_count=2"));
  CHECK(write(loop, *database, too_much, Reserve::use));
  CHECK(rows(*database) == std::vector<std::string>{too_much});
}

TEST_CASE("a file that cannot be opened anew answers everything with an error, and comes back") {
  // Once a read in that state ended the program.
  TempDir dir;
  asio::io_context loop;
  const auto database = full_disk(loop, dir);
  CHECK_FALSE(write(loop, *database, too_much, Reserve::keep));
  std::filesystem::rename(dir / "a.db", dir / "b.db");
  std::filesystem::create_directory(dir / "a.db");
  CHECK_FALSE(write(loop, *database, "b", Reserve::keep));
  CHECK_FALSE(database->prepare("SELECT x FROM t").step().has_value());
  CHECK_FALSE(database->execute("SELECT 1"));
  std::filesystem::remove(dir / "a.db");
  std::filesystem::rename(dir / "b.db", dir / "a.db");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!write(loop, *database, "c", Reserve::keep) && std::chrono::steady_clock::now() < end)
    ::usleep(20'000);
  CHECK(rows(*database) == std::vector<std::string>{"c"});
}

TEST_CASE("what is posted lazily rides on the next commit, or has one of its own soon") {
  asio::io_context loop;
  const auto database = open_database(loop);
  REQUIRE(database->execute("CREATE TABLE t(x)"));
  database->post_lazily(insert("a"));
  loop.poll();
  CHECK(rows(*database).empty());
  CHECK(write(loop, *database, "b", Reserve::keep));
  CHECK(rows(*database) == std::vector<std::string>{"a", "b"});
  database->post_lazily(insert("c"));
  loop.restart();
  loop.run();  // by its timer
  CHECK(rows(*database).size() == 3);
  for (int i = 0; i < 32; ++i) database->post_lazily(insert("d"));
  loop.restart();
  loop.poll();  // at once
  CHECK(rows(*database).size() == 35);
}

TEST_CASE("what is posted in bulk lets the next commit go alone") {
  asio::io_context loop;
  const auto database = open_database(loop);
  REQUIRE(database->execute("CREATE TABLE t(x)"));
  database->post_lazily(insert("a"), Database::Ride::in_bulk);
  CHECK(write(loop, *database, "b", Reserve::keep));
  CHECK(rows(*database) == std::vector<std::string>{"b"});
  loop.restart();
  loop.run();  // by its timer
  CHECK(rows(*database).size() == 2);
  for (int i = 0; i < 31; ++i) database->post_lazily(insert("c"), Database::Ride::in_bulk);
  loop.restart();
  loop.poll();
  CHECK(rows(*database).size() == 2);
  database->post_lazily(insert("c"), Database::Ride::in_bulk);
  loop.restart();
  loop.poll();  // at once
  CHECK(rows(*database).size() == 34);
  database->post_lazily(insert("d"), Database::Ride::in_bulk);
  database->flush();
  CHECK(rows(*database).size() == 35);
}

TEST_CASE("what was posted lazily and failed is made again, and takes nobody along") {
  asio::io_context loop;
  const auto database = open_database(loop);
  REQUIRE(database->execute("CREATE TABLE t(x)"));
  bool fails = true;
  database->post_lazily([&fails](Database& in) -> Result<void> {
    const auto done = insert("a")(in);
    return fails ? Result<void>(Error{"test", "refused", ""}) : done;
  });
  CHECK(write(loop, *database, "b", Reserve::keep));
  CHECK(rows(*database) == std::vector<std::string>{"b"});
  fails = false;
  database->flush();
  CHECK(rows(*database) == std::vector<std::string>{"b", "a"});
  database->flush();
  CHECK(rows(*database).size() == 2);
}
