#include "rbit/journal/sqlite_journal.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/unit/journal/journal_fixture.h"

using namespace rbit;
using test::JournalFixture;
using State = JobRecord::State;
using Texts = std::vector<std::string>;

TEST_CASE("a job's record follows it from begin to settlement") {
  JournalFixture house;
  const Job job = house.job("a");
  CHECK_FALSE(house.journal->find("a"));

  REQUIRE(house.begin(job));
  auto record = house.journal->find("a");
  REQUIRE(record);
  CHECK(record->state == State::running);
  CHECK(record->queue == "q");
  CHECK(record->runner == "r");
  CHECK(record->job_id == "36");
  CHECK(record->package == "col1");
  CHECK(record->attempt == 1);
  CHECK(record->begun == to_micros(house.clock.wall()));
  CHECK(record->ended == 0);
  CHECK(record->last_status == Status::building);

  REQUIRE(house.done(job));
  record = house.journal->find("a");
  CHECK(record->state == State::done);
  CHECK(record->outcome == "done");
  CHECK(record->reason == "exit 0");
  CHECK(record->message == "the end");
  CHECK(record->log_file == "/logs/a");
  REQUIRE(record->artifacts.size() == 1);
  CHECK(record->artifacts[0].path == "/out/a.pdf");
  CHECK(record->artifacts[0].kind == "pdf");
  CHECK(record->settlement.kind == Settlement::Kind::accept);
  CHECK_FALSE(record->settled);
  CHECK(record->last_status == Status::done);
  CHECK(house.count("payload") == 0);  // the broker has the message

  REQUIRE(house.settled("a"));
  CHECK(house.journal->find("a")->settled);
  CHECK(house.count("payload") == 0);
}

TEST_CASE("the state says what becomes of the job") {
  JournalFixture house;
  const auto after = [&](const char* key, Outcome::Kind kind, const Settlement& settlement) {
    REQUIRE(house.begin(house.job(key)));
    REQUIRE(house.finish(house.job(key), kind, settlement, std::nullopt));
    return house.journal->find(key)->state;
  };
  const auto retry = Settlement::retry(std::chrono::minutes(1), 2, "exit 75");
  CHECK(after("a", Outcome::Kind::blocked, retry) == State::blocked);
  CHECK(house.journal->find("a")->settlement.delay == std::chrono::minutes(1));
  CHECK(house.journal->find("a")->settlement.next_attempt == 2);
  CHECK(house.journal->find("a")->settlement.reason == "exit 75");
  CHECK(after("b", Outcome::Kind::failed, Settlement::dead_letter("exit 2")) == State::failed);
  CHECK(after("c", Outcome::Kind::cancelled, Settlement::accept()) == State::cancelled);
  CHECK(after("d", Outcome::Kind::interrupted, Settlement::requeue()) == State::waiting);
  CHECK(after("e", Outcome::Kind::crashed, Settlement::dead_letter("signal SEGV")) ==
        State::failed);
}

TEST_CASE("each target hears every status once, in order, and nothing after the end") {
  JournalFixture house;
  const Job job = house.job("a");
  REQUIRE(house.begin(job));
  REQUIRE(house.report(job, Status::building, "half"));
  REQUIRE(house.report(job, Status::building, "half"));
  REQUIRE(house.report(job, Status::waiting));
  REQUIRE(house.done(job));
  REQUIRE(house.report(job, Status::building, "too late"));
  CHECK(house.journal->reports_waiting() == 8);
  const Texts all{"Building", "Building:half", "Waiting", "Done:the end"};
  CHECK(house.send_all("amqp") == all);
  CHECK(house.journal->reports_waiting() == 4);
  CHECK(house.send_all("pybit") == all);
  CHECK(house.journal->reports_waiting() == 0);
  CHECK_FALSE(house.journal->next_report("amqp"));
}

TEST_CASE("numbers of reports rise across attempts and runs, and each says whose it is") {
  JournalFixture house;
  const auto retry = Settlement::retry(std::chrono::minutes(1), 2, "exit 75");
  REQUIRE(house.begin(house.job("a", 1)));
  REQUIRE(house.finish(house.job("a", 1), Outcome::Kind::blocked, retry, Status::blocked));
  REQUIRE(house.settled("a"));
  REQUIRE(house.begin(house.job("a", 2)));
  REQUIRE(house.done(house.job("a", 2)));
  REQUIRE(house.settled("a"));
  REQUIRE(house.begin(house.job("a", 1)));  // somebody wants it built again
  CHECK(house.journal->find("a")->state == State::running);
  CHECK(house.journal->find("a")->outcome.empty());

  int seq = 0;
  Texts heard;
  for (;;) {
    const auto due = house.journal->due_reports("amqp", 0, 1);
    if (due.empty()) break;
    CHECK(due[0].seq > seq);
    CHECK(due[0].job_key == "a");
    CHECK(due[0].job_id == "36");
    CHECK(due[0].web_host == "localhost:8080");
    CHECK(due[0].queue == "q");
    seq = due[0].seq;
    heard.push_back(std::string(to_string(due[0].status)) + std::to_string(due[0].attempt));
    REQUIRE(test::run(house.loop, house.journal->report_sent(due[0])));
  }
  CHECK(heard == Texts{"Building1", "Blocked1", "Building2", "Done2", "Building1"});
}

TEST_CASE("a job's second report waits for its first; other jobs do not") {
  JournalFixture house;
  REQUIRE(house.begin(house.job("a")));
  REQUIRE(house.done(house.job("a")));
  REQUIRE(house.begin(house.job("b")));
  const std::int64_t now = to_micros(house.clock.wall());
  auto due = house.journal->due_reports("pybit", now, 10);
  REQUIRE(due.size() == 2);
  CHECK(due[0].job_key == "a");
  CHECK(due[0].status == Status::building);
  CHECK(due[1].job_key == "b");

  REQUIRE(test::run(house.loop, house.journal->report_postponed(due[0], now + 5)));
  CHECK(house.journal->due_reports("pybit", now, 10).size() == 1);
  REQUIRE(test::run(house.loop, house.journal->report_sent(due[1])));
  CHECK(house.journal->due_reports("pybit", now, 10).empty());
  CHECK(house.journal->next_report("pybit") == now + 5);

  due = house.journal->due_reports("pybit", now + 5, 10);
  REQUIRE(due.size() == 1);
  CHECK(due[0].tries == 1);
  REQUIRE(test::run(house.loop, house.journal->report_dropped(due[0], "HTTP 404")));
  due = house.journal->due_reports("pybit", now, 10);
  REQUIRE(due.size() == 1);
  CHECK(due[0].status == Status::done);
  CHECK(house.journal->due_reports("amqp", now, 10).size() == 2);  // its own business
  CHECK(house.journal->due_reports("amqp", now, 1).size() == 1);
}

TEST_CASE("an answer that was lost is told again, once") {
  JournalFixture house;
  REQUIRE(house.begin(house.job("a")));
  REQUIRE(house.done(house.job("a")));
  REQUIRE(test::run(house.loop, house.journal->report_again("a", true)));
  CHECK(house.send_all("amqp") == Texts{"Building", "Done:the end"});  // nobody had heard it yet
  const auto numbers = [&](const std::string& target) {
    std::vector<std::pair<int, int>> found;
    for (const auto& one : house.journal->due_reports(target, to_micros(house.clock.wall()), 10))
      found.emplace_back(one.attempt, one.seq);
    return found;
  };
  CHECK(numbers("pybit") == std::vector<std::pair<int, int>>{{1, 1}});
  CHECK(house.send_all("pybit").size() == 2);
  for (int i = 0; i < 2; ++i) {
    REQUIRE(test::run(house.loop, house.journal->report_again("a", true)));
    for (const char* target : {"amqp", "pybit"})  // one that is known already, by its number
      CHECK(numbers(target) == std::vector<std::pair<int, int>>{{1, 2}});
    CHECK(house.send_all("amqp") == Texts{"Done:the end"});
    CHECK(house.send_all("pybit").size() == 1);
  }
  REQUIRE(house.begin(house.job("a")));  // asked for anew: what is told of it is new as well
  CHECK(numbers("amqp") == std::vector<std::pair<int, int>>{{1, 3}});
  REQUIRE(test::run(house.loop, house.journal->report_again("nobody", true)));
}

TEST_CASE("a verdict that was told before its message came again is not told again") {
  test::TempDir dir;
  JournalFixture house(dir / "rbit.db");
  REQUIRE(house.begin(house.job("a")));
  REQUIRE(house.begin(house.job("b")));
  house.die_and_live();
  REQUIRE(house.done(house.job("a")));  // the record of the earlier life had it
  REQUIRE(house.finish(house.job("b"), Outcome::Kind::blocked,
                       Settlement::retry(std::chrono::minutes(1), 2, "later"), Status::blocked));
  CHECK(house.send_all("amqp").size() == 4);
  house.database->flush();
  house.die_and_live();
  for (const char* key : {"a", "b"})
    REQUIRE(test::run(house.loop, house.journal->report_again(key, true)));
  CHECK(house.send_all("amqp").empty());
  REQUIRE(house.begin(house.job("b", 2)));  // its next attempt is told as ever
  REQUIRE(house.done(house.job("b", 2)));
  REQUIRE(test::run(house.loop, house.journal->report_again("b", true)));
  CHECK(house.send_all("amqp").size() == 2);
  REQUIRE(test::run(house.loop, house.journal->report_again("b", true)));
  CHECK(house.send_all("amqp").size() == 1);
}

TEST_CASE("a report of a job that was not begun is refused") {
  JournalFixture house;
  CHECK_FALSE(house.report(house.job("a"), Status::building));
}

TEST_CASE("a verdict without a begin is a job cancelled before it") {
  JournalFixture house;
  const Job job = house.job("a");
  REQUIRE(house.finish(job, Outcome::Kind::cancelled, Settlement::accept(), Status::cancelled));
  CHECK(house.journal->find("a")->state == State::cancelled);
  CHECK(house.send_all("amqp") == Texts{"Cancelled:the end"});
}

TEST_CASE("the same verdict twice is one verdict") {
  JournalFixture house;
  const Job job = house.job("a");
  REQUIRE(house.begin(job));
  REQUIRE(house.done(job));
  REQUIRE(house.done(job));
  CHECK(house.send_all("amqp") == Texts{"Building", "Done:the end"});
  CHECK(house.count("job") == 1);
}

TEST_CASE("what its queue has to the end the journal does not keep as well") {
  test::TempDir dir;
  JournalFixture house(dir / "rbit.db");
  Job held = house.job("a"), owned = house.job("b");
  held.may_be_owned = owned.may_be_owned = false;
  owned.owned = true;  // a broker had it, before the queue became this one
  REQUIRE(house.begin(held));
  REQUIRE(house.begin(owned));
  house.die_and_live();
  const auto open = house.journal->open_attempts().value();
  REQUIRE(open.size() == 2);
  CHECK(open[0].job.body.empty());
  CHECK(open[0].job.request.package == "col1");
  CHECK(open[1].job.body == owned.body);
}

TEST_CASE("who is told at once is told once of each status, and again if a verdict is repeated") {
  JournalFixture house;
  house.targets.clear();
  house.die_and_live();
  Texts told;
  house.journal->tell_by(
      [&told](const Report& report) { told.emplace_back(to_string(report.status)); });
  const Job job = house.job("a");
  REQUIRE(house.begin(job));
  REQUIRE(house.report(job, Status::building, "step 1"));
  REQUIRE(house.report(job, Status::building, "step 1"));
  REQUIRE(house.done(job));
  CHECK(told == Texts{"Building", "Building", "Done"});
  // Its first answer was an Error: it was committed, and the sync failed.
  REQUIRE(house.done(job));
  CHECK(told.size() == 4);
  REQUIRE(test::run(house.loop, house.journal->report_again("a", true)));
  CHECK(told.size() == 5);
  REQUIRE(test::run(house.loop, house.journal->report_again("a", false)));
  CHECK(told.size() == 5);
  CHECK(house.count("outbox") == 1);  // what the job said itself
}

TEST_CASE("attempts of an earlier life are found open, until they end or are begun again") {
  test::TempDir dir;
  JournalFixture house(dir / "rbit.db");
  Job job = house.job("a", 3);
  job.crashes = 1;
  job.body = std::string("b\0\xff", 3);
  job.request.master = true;
  REQUIRE(house.begin(job));
  REQUIRE(test::run(house.loop, house.journal->own(job)));  // else the broker has its message
  REQUIRE(house.begin(house.job("b")));
  REQUIRE(house.begin(house.job("c")));
  REQUIRE(house.done(house.job("c")));
  CHECK(house.journal->open_attempts()->empty());  // they are under way

  house.die_and_live();
  const auto open = house.journal->open_attempts().value();
  REQUIRE(open.size() == 2);
  CHECK(open[0].job.key == "a");
  CHECK(open[0].job.attempt == 3);
  CHECK(open[0].job.crashes == 1);
  CHECK(open[0].job.body == job.body);
  CHECK(open[0].job.request.package == "col1");
  CHECK(open[0].job.request.master);
  CHECK(open[0].record_dir == "/records/a");
  CHECK(open[0].is_of_this_boot);
  CHECK(house.journal->find("c")->state == State::done);
  CHECK(house.journal->reports_waiting() == 8);

  REQUIRE(house.finish(open[0].job, Outcome::Kind::done, Settlement::accept(), Status::done));
  REQUIRE(house.begin(house.job("b", 2)));
  CHECK(house.journal->open_attempts()->empty());
  CHECK(house.send_all("amqp").size() == 6);
}

TEST_CASE(
    "a message that is being read when rbit dies is counted, for 72 hours, until it is read") {
  test::TempDir dir;
  JournalFixture house(dir / "rbit.db");
  const auto came_again = [&](const std::string& key) {
    return test::run(house.loop, house.journal->came_again(key)).value();
  };
  CHECK(came_again("a") == 0);
  CHECK(came_again("a") == 0);  // we live
  house.die_and_live();
  CHECK(came_again("a") == 1);
  CHECK(came_again("b") == 0);
  house.clock.advance(std::chrono::hours(71));
  house.die_and_live();
  CHECK(came_again("a") == 2);
  house.clock.advance(std::chrono::hours(1));
  house.die_and_live();
  CHECK(came_again("a") == 1);  // the two lives of the beginning are forgiven
  CHECK(house.count("reading") == 2);
  house.journal->was_read("a");
  house.database->flush();
  CHECK(house.count("reading") == 0);
  house.die_and_live();
  CHECK(came_again("a") == 0);
}

TEST_CASE("deaths during a job are those of its run, of 72 hours, and no orderly ends") {
  test::TempDir dir;
  JournalFixture house(dir / "rbit.db");
  CHECK(house.journal->recent_deaths("a").during == 0);
  for (int attempt = 1; attempt <= 3; ++attempt) {
    REQUIRE(house.begin(house.job("a", attempt)));
    house.die_and_live();
  }
  CHECK(house.journal->recent_deaths("a").during == 2);  // the third has no end yet
  Job job = house.job("a", 4);
  REQUIRE(house.begin(job));
  CHECK(house.journal->recent_deaths("a").during == 3);
  REQUIRE(house.finish(job, Outcome::Kind::interrupted, Settlement::requeue(4), std::nullopt));
  REQUIRE(house.begin(job));
  CHECK(house.journal->recent_deaths("a").during == 3);
  house.clock.advance(std::chrono::hours(72));
  CHECK(house.journal->recent_deaths("a").during == 0);
  house.die_and_live();
  job.attempt = 5;
  REQUIRE(house.begin(job));
  CHECK(house.journal->recent_deaths("a").during == 1);
  REQUIRE(house.done(job));
  REQUIRE(house.begin(house.job("a")));  // asked for again
  CHECK(house.journal->recent_deaths("a").during == 0);
}

TEST_CASE("a death before the job was started is not one during it") {
  JournalFixture house;
  const Job job = house.job("a");
  Outcome outcome;
  outcome.kind = Outcome::Kind::interrupted;
  outcome.reason = "not-started";
  for (int times = 1; times <= 2; ++times) {
    REQUIRE(house.begin(job));
    const Settlement again = Settlement::requeue(1);
    REQUIRE(test::run(house.loop, house.journal->finish(job, outcome, again, std::nullopt)));
    CHECK(house.journal->recent_deaths("a").before_start == times);
  }
  REQUIRE(house.begin(job));
  CHECK(house.journal->recent_deaths("a").before_start == 2);
  CHECK(house.journal->recent_deaths("a").during == 0);
}

TEST_CASE("a dead letter with the id of a job that runs leaves that job alone") {
  JournalFixture house;
  Job job = house.job("twin");
  job.owned = true;
  REQUIRE(house.begin(job));
  Message bad;
  bad.queue = "q";
  bad.message_id = "twin";
  bad.body = "no json";
  const Settlement dead = Settlement::dead_letter("undecodable");
  REQUIRE(test::run(house.loop, house.journal->keep_dead(bad, dead)));
  CHECK(house.journal->find("twin")->state == State::running);
  CHECK(house.journal->owned_job("twin").value()->message.body == "body of twin");
  const Texts ours = house.journal->owned_jobs();
  REQUIRE(ours.size() == 2);
  CHECK(house.journal->owned_job(ours[1]).value()->message.body == "no json");
  CHECK(house.journal->find(ours[1])->state == State::dead);

  REQUIRE(house.done(job));
  REQUIRE(house.settled("twin"));
  REQUIRE(test::run(house.loop, house.journal->keep_dead(bad, dead)));  // now the id is free
  CHECK(house.journal->owned_job("twin").value()->message.body == "no json");
  CHECK(house.journal->find("twin")->digest == digest_of(bad));
}

TEST_CASE("what was on record before SIGKILL is on record after it") {
  test::TempDir dir;
  const std::string file = dir / "rbit.db";
  int told[2];
  REQUIRE(::pipe(told) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    JournalFixture house(file);
    for (int i = 0;; ++i) {
      const Job job = house.job(std::to_string(i));
      if (!house.begin(job) || ::write(told[1], "b", 1) != 1) break;
      if (!house.done(job) || ::write(told[1], "d", 1) != 1) break;
      if (!house.settled(job.key) || ::write(told[1], "s", 1) != 1) break;
    }
    ::_exit(1);
  }
  ::close(told[1]);
  std::string heard;
  char buffer[16];
  for (bool killed = false;;) {
    const auto count = ::read(told[0], buffer, sizeof buffer);
    if (count <= 0) break;
    heard.append(buffer, static_cast<std::size_t>(count));
    if (heard.size() >= 100 && !killed) ::kill(child, SIGKILL);
    killed = killed || heard.size() >= 100;
  }
  ::close(told[0]);
  ::waitpid(child, nullptr, 0);

  JournalFixture house(file);
  CHECK(house.database->check(std::chrono::seconds(5)));
  for (std::size_t i = 0; i < heard.size(); ++i) {
    const auto record = house.journal->find(std::to_string(i / 3));
    REQUIRE(record);
    if (heard[i] == 'd') CHECK(record->state == State::done);
    if (heard[i] == 's') CHECK(record->settled);
  }
  const auto open = house.journal->open_attempts().value();
  CHECK(open.size() <= 1);
}

TEST_CASE("a target that carries messages has them, also of a queue that keeps its own") {
  const test::TempDir dir;
  JournalFixture f(dir / "rbit.db");
  ReportTarget hook("hook:h");
  hook.carries_message = true;
  hook.hears_again = false;
  std::string asked;
  hook.wants = [&asked](const Report& report) {
    asked += report.runner + " ";
    return is_final(report.status);
  };
  f.targets = {"amqp", hook};
  f.die_and_live();
  Job job = f.job("a");
  job.may_be_owned = false;
  job.kind = MessageKind::json;
  job.head.correlation_id = "c";
  REQUIRE(f.begin(job));
  f.die_and_live();
  const auto open = f.journal->open_attempts();
  REQUIRE(open.has_value());
  REQUIRE(open->size() == 1);
  CHECK(open->front().job.body == "body of a");
  REQUIRE(f.done(open->front().job));
  REQUIRE(f.settled("a"));
  const auto due = f.journal->due_reports("hook:h", to_micros(f.clock.wall()), 10);
  REQUIRE(due.size() == 1);
  CHECK(due[0].status == Status::done);
  CHECK(due[0].runner == "r");
  CHECK(due[0].begun > 0);
  CHECK(due[0].ended >= due[0].begun);
  CHECK(due[0].carried.body == "body of a");
  CHECK(asked == "r r ");

  REQUIRE(test::run(f.loop, f.journal->report_again("a", true)));
  CHECK(f.send_all("hook:h").size() == 1);
}

TEST_CASE("without such a target the journal keeps no message of a queue that has it") {
  JournalFixture f;
  Job job = f.job("a");
  job.may_be_owned = false;
  REQUIRE(f.begin(job));
  CHECK(f.count("payload") == 0);
  Job asker = f.job("b");  // the answer goes where it says
  asker.head.reply_to = "answers";
  REQUIRE(f.begin(asker));
  auto row = f.database->prepare("SELECT length(body) FROM payload");
  REQUIRE(row.step());
  CHECK(row.integer(0) == 0);
}
