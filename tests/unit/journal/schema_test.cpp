#include "rbit/journal/schema.h"

#include "tests/unit/journal/journal_fixture.h"

using namespace rbit;

using test::open_database;

TEST_CASE("a new file gets the newest schema, and keeps it") {
  test::TempDir dir;
  asio::io_context loop;
  const std::string file = dir / "rbit.db";
  for (int life = 0; life < 2; ++life) {
    const auto database = open_database(loop, file);
    REQUIRE(schema::upgrade(*database));
    auto version = database->prepare("PRAGMA user_version");
    REQUIRE(version.step());
    CHECK(version.integer(0) == schema::newest());
  }
  // Nothing was changed, so no copy was needed.
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 1);
}

TEST_CASE("a file of a newer rbit is left alone, with the cure") {
  test::TempDir dir;
  asio::io_context loop;
  const auto database = open_database(loop, dir / "rbit.db");
  REQUIRE(database->execute("PRAGMA user_version = 99"));
  const auto refused = schema::upgrade(*database);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason.find("newer rbit (version 99") != std::string::npos);
  CHECK(refused.error().cure.find(".before-") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(dir / "rbit.db.before-1"));
}

/// Takes away what version 8 brought.
void take_back_version_8(Database& database) {
  REQUIRE(database.execute("DROP INDEX job_held"));
  REQUIRE(database.execute("ALTER TABLE job DROP COLUMN result"));
  REQUIRE(database.execute("ALTER TABLE job DROP COLUMN reported_seq"));
  for (const char* column : {"request", "properties", "body", "apart"})
    REQUIRE(database.execute(("ALTER TABLE outbox DROP COLUMN " + std::string(column)).c_str()));
}

TEST_CASE("a journal of version 2 is taken over, with a copy of what it was") {
  test::TempDir dir;
  asio::io_context loop;
  const std::string file = dir / "rbit.db";
  {
    const auto database = open_database(loop, file);
    REQUIRE(schema::upgrade(*database));
    // Back to what version 2 had.
    take_back_version_8(*database);
    REQUIRE(
        database->execute("DROP TABLE delivery; DROP TABLE reading; "
                          "DROP INDEX job_job_id; DROP INDEX job_blocked; "
                          "ALTER TABLE job ADD COLUMN settled INTEGER NOT NULL DEFAULT 0"));
    for (const char* column : {"redelivered", "exit", "wall", "cpu", "memory", "output"})
      REQUIRE(
          database->execute(("ALTER TABLE attempt DROP COLUMN " + std::string(column)).c_str()));
    REQUIRE(
        database->execute("INSERT INTO attempt(job, run, n, life, boot, worker, record_dir, begun) "
                          "VALUES(1, 1, 3, 'l', 'b', 'w', '/r', 5)"));
    REQUIRE(database->execute("PRAGMA user_version = 2"));
  }
  const auto database = open_database(loop, file);
  const auto upgraded = schema::upgrade(*database);
  REQUIRE_MESSAGE(upgraded.has_value(), upgraded.error().text());
  CHECK(std::filesystem::exists(file + ".before-3"));
  auto attempt = database->prepare("SELECT n, redelivered, exit, cpu FROM attempt");
  REQUIRE(attempt.step());
  CHECK(attempt.integer(0) == 3);
  CHECK(attempt.integer(1) == 0);
  CHECK(attempt.text(2).empty());
  CHECK(attempt.integer(3) == 0);
}

TEST_CASE("a journal of version 6 is taken over: what it calls settled is claimed by nobody") {
  test::TempDir dir;
  asio::io_context loop;
  const std::string file = dir / "rbit.db";
  {
    const auto database = open_database(loop, file);
    REQUIRE(schema::upgrade(*database));
    take_back_version_8(*database);
    REQUIRE(database->execute("ALTER TABLE job ADD COLUMN settled INTEGER NOT NULL DEFAULT 0"));
    for (const char* job : {"'a', 'settled', 1", "'b', 'held', 0", "'c', 'owned', 0",
                            "'d', 'owned', 1", "'e', 'settled', 0", "'f', 'held', 1"})
      REQUIRE(database->execute(
          ("INSERT INTO job(key, claim, settled, queue, runner, job_id, package, version, digest, "
           "web_host, state, begun, touched) VALUES(" +
           std::string(job) + ", 'q', 'r', '1', 'p', 'v', 'd', 'w', 'done', 1, 2)")
              .c_str()));
    REQUIRE(database->execute("PRAGMA user_version = 6"));
  }
  const auto database = open_database(loop, file);
  const auto upgraded = schema::upgrade(*database);
  REQUIRE_MESSAGE(upgraded.has_value(), upgraded.error().text());
  CHECK(std::filesystem::exists(file + ".before-7"));
  auto row = database->prepare("SELECT group_concat(key || claim, ' '), max(touched) FROM job");
  REQUIRE(row.step());
  CHECK(row.text(0) == "asettled bheld cowned dsettled eheld fsettled");
  CHECK(row.integer(1) == 2);
  CHECK_FALSE(database->execute("SELECT settled FROM job"));
}

TEST_CASE("a step that fails leaves the file as it was") {
  test::TempDir dir;
  asio::io_context loop;
  const auto database = open_database(loop, dir / "rbit.db");
  REQUIRE(database->execute("CREATE TABLE outbox(x)"));  // in the way of ours
  CHECK_FALSE(schema::upgrade(*database));
  auto tables = database->prepare("SELECT count(*) FROM sqlite_schema");
  REQUIRE(tables.step());
  CHECK(tables.integer(0) == 1);
}
