#include "rbit/journal/schema.h"

#include "rbit/journal/history.h"
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

TEST_CASE("a journal of version 2 is taken over, with a copy of what it was") {
  test::TempDir dir;
  asio::io_context loop;
  const std::string file = dir / "rbit.db";
  {
    const auto database = open_database(loop, file);
    REQUIRE(schema::make(*database, 2));
    REQUIRE(
        database->execute("INSERT INTO attempt(job, run, n, life, boot, worker, record_dir, begun) "
                          "VALUES(1, 1, 3, 'l', 'b', 'w', '/r', 5)"));
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
    REQUIRE(schema::make(*database, 6));
    for (const char* job : {"'a', 'settled', 1", "'b', 'held', 0", "'c', 'owned', 0",
                            "'d', 'owned', 1", "'e', 'settled', 0", "'f', 'held', 1"})
      REQUIRE(database->execute(
          ("INSERT INTO job(key, claim, settled, queue, runner, job_id, package, version, digest, "
           "web_host, state, begun, touched) VALUES(" +
           std::string(job) + ", 'q', 'r', '1', 'p', 'v', 'd', 'w', 'done', 1, 2)")
              .c_str()));
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

TEST_CASE("a journal of version 8 is taken over: jobs of every kind stand as they stood") {
  test::TempDir dir;
  const std::string file = dir / "rbit.db";
  {
    asio::io_context loop;
    const auto database = open_database(loop, file);
    REQUIRE(schema::make(*database, 8));
    // id, key, state, claim, attempt, outcome, reason, settlement, reported_status
    for (const char* job :
         {"1, 'open', 'running', 'held', 2, 'blocked', 'exit 75', '', 'Building'",
          "2, 'ours', 'running', 'owned', 1, '', '', '', 'Building'",
          "3, 'waits', 'blocked', 'settled', 1, 'blocked', 'exit 75', 'retry', 'Blocked'",
          "4, 'dead', 'dead', 'owned', 0, '', 'no job', 'dead-letter', ''",
          "5, 'done', 'done', 'settled', 1, 'done', 'exit 0', 'accept', 'Done'"})
      REQUIRE(
          database->execute(("INSERT INTO job(id, key, state, claim, attempt, outcome, reason, "
                             "settlement, reported_status, queue, runner, job_id, package, "
                             "version, digest, web_host, begun, touched) VALUES(" +
                             std::string(job) + ", 'q', 'r', '36', 'p', 'v', 'd' || 1, 'w', 1, 2)")
                                .c_str()));
    REQUIRE(database->execute(
        "INSERT INTO attempt(job, run, n, life, boot, worker, record_dir, begun, ended, outcome, "
        "reason, exit) VALUES"
        "(1, 1, 1, 'l1', 'b', 'w1', '/r1', 10, 20, 'blocked', 'exit 75', 'exit 75'), "
        "(1, 1, 2, 'l2', 'b', 'w2', '/r2', 30, 0, '', '', ''), "
        "(2, 1, 1, 'l2', 'b', 'w2', '/r3', 30, 0, '', '', ''), "
        "(3, 1, 1, 'l2', 'b', 'w2', '/r4', 30, 40, 'blocked', 'exit 75', 'exit 75'), "
        "(5, 1, 1, 'l1', 'b', 'w1', '/r5', 10, 20, 'done', 'exit 0', 'exit 0')"));
    for (const char* job : {"1", "2", "4"})
      REQUIRE(database->execute(("INSERT INTO payload(job, request, properties, redelivered, "
                                 "timestamp, body) VALUES(" +
                                 std::string(job) + ", '{}', '{}', 0, 1, 'body ' || " + job + ")")
                                    .c_str()));
    REQUIRE(database->execute(
        "INSERT INTO outbox(job, target, attempt, seq, status, reason, message, final, time, state)"
        " VALUES(5, 'log', 1, 1, 'Building', '', '', 0, 1, 'sent'), "
        "(5, 'log', 1, 2, 'Building', '', 'step 1', 0, 1, 'sent'), "
        "(5, 'log', 1, 3, 'Done', '', '', 1, 1, 'waiting')"));
  }
  test::JournalFixture house(file);
  CHECK(std::filesystem::exists(file + ".before-9"));
  const auto open = house.journal->open_attempts().value();
  REQUIRE(open.size() == 2);
  CHECK(open[0].job.key == "open");
  CHECK(open[0].job.attempt == 2);
  CHECK(open[0].record_dir == "/r2");
  CHECK(open[0].job.body == "body 1");
  CHECK(open[1].job.owned);
  CHECK(house.journal->owned_jobs() == std::vector<std::string>{"ours", "dead"});
  CHECK(house.journal->owned_job("dead").value()->message.body == "body 4");
  CHECK(house.journal->awaited_copies().size() == 1);
  CHECK(house.journal->find("done")->state == JobRecord::State::done);
  CHECK(house.journal->held_twins("d1") == std::vector<std::string>{"open"});
  CHECK(house.journal->reports_waiting() == 0);

  const auto history = History(*house.database).job("open");
  REQUIRE(history);
  REQUIRE(history->attempts.size() == 2);
  CHECK(history->attempts[0].worker == "w1");
  CHECK(history->attempts[0].exit == "exit 75");
  CHECK(history->attempts[1].worker == "w2");
  CHECK(history->attempts[1].ended == 0);
  CHECK(history->attempts[1].outcome.empty());
  const auto done = History(*house.database).job("done");
  REQUIRE(done);
  REQUIRE(done->attempts.size() == 1);
  CHECK(done->attempts[0].exit == "exit 0");
  REQUIRE(done->reports.size() == 1);
  CHECK(done->reports[0].report.message == "step 1");
  CHECK(house.count("attempt") == 1);

  REQUIRE(house.begin(house.job("open", 3)));
  CHECK(History(*house.database).job("open")->attempts.size() == 3);
}
