#include "rbit/journal/history.h"

#include "tests/unit/journal/journal_fixture.h"

using namespace rbit;
using test::JournalFixture;

TEST_CASE("jobs are listed, the last touched first, by state if wanted") {
  JournalFixture house;
  for (const char* key : {"a", "b", "c"}) {
    REQUIRE(house.begin(house.job(key)));
    house.clock.advance(std::chrono::seconds(1));
  }
  REQUIRE(house.done(house.job("a")));
  const History history(*house.database);
  const auto all = history.jobs(10);
  REQUIRE(all.size() == 3);
  CHECK(all[0].key == "a");
  CHECK(all[1].key == "c");
  CHECK(history.jobs(2).size() == 2);
  CHECK(history.jobs(10, {JobRecord::State::running}).size() == 2);
  CHECK(history.jobs(10, {JobRecord::State::done, JobRecord::State::running}).size() == 3);
}

TEST_CASE("a job's history has its attempts, and its reports with what became of them") {
  JournalFixture house;
  const auto retry = Settlement::retry(std::chrono::minutes(1), 2, "exit 75");
  REQUIRE(house.begin(house.job("a", 1)));
  REQUIRE(house.finish(house.job("a", 1), Outcome::Kind::blocked, retry, Status::blocked));
  REQUIRE(house.begin(house.job("a", 2)));
  house.send_all("amqp");
  const auto building = house.journal->due_reports("pybit", 0, 1);
  REQUIRE(building.size() == 1);
  REQUIRE(test::run(house.loop, house.journal->report_dropped(building[0], "HTTP 404")));

  const History history(*house.database);
  for (const char* name : {"a", "36"}) {
    const auto job = history.job(name);
    REQUIRE(job);
    CHECK(job->job.key == "a");
    REQUIRE(job->attempts.size() == 2);
    CHECK(job->attempts[0].outcome == "blocked");
    CHECK(job->attempts[0].reason == "exit 0");
    CHECK(job->attempts[0].worker == "worker");
    CHECK(job->attempts[1].n == 2);
    CHECK(job->attempts[1].outcome.empty());
    REQUIRE(job->reports.size() == 6);
    CHECK(job->reports[0].state == "sent");
    CHECK(job->reports[1].state == "dropped");
    CHECK(job->reports[1].note == "HTTP 404");
    CHECK(job->reports[5].state == "waiting");
    CHECK(job->reports[5].report.status == Status::building);
  }
  CHECK_FALSE(history.job("nobody"));
}

TEST_CASE("a job without a number is found by its key, and no other way") {
  JournalFixture house;
  Job job = house.job("order-17");
  job.request = {};
  REQUIRE(house.begin(job));
  const History history(*house.database);
  const auto found = history.job("order-17");
  REQUIRE(found);
  CHECK(found->job.job_id.empty());
  CHECK(found->job.name() == "order-17");
  CHECK_FALSE(history.job(""));
}

TEST_CASE("a job's history has what its attempts used, and every delivery") {
  JournalFixture house;
  const Job job = house.job("a");
  Message message;
  message.redelivered = true;
  const Report building = house.status(job, Status::building);
  const std::string record_dir = "/records/a";
  REQUIRE(test::run(house.loop, house.journal->begin(job, message, record_dir, building)));
  REQUIRE(test::run(house.loop, house.journal->joined("a")));
  Outcome outcome;
  outcome.kind = Outcome::Kind::timed_out;
  outcome.reason = "timeout";
  outcome.exit = "signal TERM";
  outcome.wall_micros = 4'000'000;
  outcome.cpu_micros = 1'500'000;
  outcome.peak_memory_kib = 2048;
  outcome.output_bytes = 77;
  const Settlement dead = Settlement::dead_letter("timeout");
  const std::optional<Report> nothing;
  REQUIRE(test::run(house.loop, house.journal->finish(job, outcome, dead, nothing)));
  REQUIRE(test::run(house.loop, house.journal->report_again("a", true)));
  REQUIRE(test::run(house.loop, house.journal->joined("nobody")));

  const auto history = History(*house.database).job("a");
  REQUIRE(history);
  CHECK(history->run == 1);
  REQUIRE(history->attempts.size() == 1);
  const AttemptRecord& attempt = history->attempts[0];
  CHECK(attempt.redelivered);
  CHECK(attempt.exit == "signal TERM");
  CHECK(attempt.wall_micros == 4'000'000);
  CHECK(attempt.cpu_micros == 1'500'000);
  CHECK(attempt.peak_memory_kib == 2048);
  CHECK(attempt.output_bytes == 77);
  REQUIRE(history->deliveries.size() == 2);
  CHECK(history->deliveries[0].what == "joined");
  CHECK(history->deliveries[1].what == "answered");
  CHECK(history->deliveries[1].attempt == 1);
}

TEST_CASE("a message that comes again and again fills nothing") {
  JournalFixture house;
  REQUIRE(house.begin(house.job("a")));
  for (int i = 0; i < 120; ++i) REQUIRE(test::run(house.loop, house.journal->joined("a")));
  CHECK(house.count("delivery") == 100);
}

TEST_CASE("the dead letters of a job are listed with what they were") {
  JournalFixture house;
  REQUIRE(house.database->execute(
      "INSERT INTO dead(queue, reason, time, properties, body) VALUES"
      "('a', 'invalid', 5, '{\"message_id\": \"1\"}', 'x'), ('b', 'too large', 6, '{}', 'y')"));
  const History history(*house.database);
  const auto letters = history.dead_of("1");
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].reason == "invalid");
  CHECK(letters[0].time == 5);
  CHECK(letters[0].message.queue == "a");
  CHECK(letters[0].message.message_id == "1");
  CHECK(letters[0].message.body == "x");
  CHECK(history.dead_of("2").empty());
}

TEST_CASE("jobs are listed by state, queue, runner and time") {
  JournalFixture house;
  const auto begin = [&](const std::string& key, const std::string& queue) {
    Job job = house.job(key);
    job.queue = queue;
    job.runner = "runner of " + queue;
    REQUIRE(house.begin(job));
    house.clock.advance(std::chrono::seconds(1));
    return job;
  };
  const Job first = begin("a", "one");
  begin("b", "two");
  begin("c", "one");
  const std::int64_t later = to_micros(house.clock.wall());
  REQUIRE(house.done(first));
  const History history(*house.database);
  const auto keys = [&](const JobFilter& filter) {
    std::string found;
    for (const JobRecord& job : history.jobs(filter)) found += job.key;
    return found;
  };
  JobFilter filter;
  CHECK(keys(filter) == "acb");
  filter.queues = {"one"};
  CHECK(keys(filter) == "ac");
  filter.states = {JobRecord::State::running};
  CHECK(keys(filter) == "c");
  filter.queues = {"one", "two"};
  CHECK(keys(filter) == "cb");
  filter.runners = {"runner of two", "'"};
  CHECK(keys(filter) == "b");
  filter = {};
  filter.since = later;
  CHECK(keys(filter) == "a");
  filter = {};
  filter.due = true;
  CHECK(keys(filter).empty());
  filter.limit = 0;
  filter.due = false;
  CHECK(keys(filter).empty());
}

TEST_CASE("a job is meant by its key, its number, the beginning of a key, or as the last") {
  JournalFixture house;
  const History history(*house.database);
  CHECK_FALSE(history.find("last"));
  for (const char* key : {"abc", "abd", "b", "b-long", "x%y"}) {
    Job job = house.job(key);
    job.request.job_id = key == std::string("abd") ? "36" : "";
    REQUIRE(house.begin(job));
    house.clock.advance(std::chrono::seconds(1));
  }
  REQUIRE(house.done(house.job("abc")));  // touched last, but it began first
  for (const auto& [name, key] :
       std::vector<std::pair<std::string, std::string>>{{"abc", "abc"},
                                                        {"36", "abd"},
                                                        {"abd", "abd"},
                                                        {"b", "b"},
                                                        {"b-", "b-long"},
                                                        {"x%", "x%y"},
                                                        {"last", "x%y"}}) {
    const auto found = history.find(name);
    REQUIRE_MESSAGE(found, name);
    CHECK(*found == key);
  }
  for (const char* nobody : {"", "3", "%", "_bc", "abcd", "ABC"})
    CHECK_MESSAGE(history.find(nobody).error().reason == "is not in the journal", nobody);
  CHECK(history.find("ab").error().reason == "may be several: abd, abc");
  CHECK(*history.state_of("abc") == JobRecord::State::done);
  CHECK_FALSE(history.state_of("36"));
}

TEST_CASE("what is not over is counted by queue") {
  JournalFixture house;
  const History history(*house.database);
  CHECK(history.open_jobs().empty());
  REQUIRE(house.begin(house.job("runs")));
  REQUIRE(house.begin(house.job("done")));
  REQUIRE(house.done(house.job("done")));
  for (const char* key : {"later", "sooner"}) {
    REQUIRE(house.begin(house.job(key)));
    const auto delay = std::chrono::minutes(key == std::string("sooner") ? 1 : 60);
    const auto retry = Settlement::retry(delay, 2, "exit 75");
    REQUIRE(house.finish(house.job(key), Outcome::Kind::blocked, retry, Status::blocked));
  }
  const auto counts = history.open_jobs();
  REQUIRE(counts.size() == 1);
  const OpenJobs& open = counts.at("q");
  CHECK(open.running == 1);
  CHECK(open.waiting == 0);
  CHECK(open.due == 2);
  CHECK(open.again == to_micros(house.clock.wall() + std::chrono::minutes(1)));
  CHECK(open.kept_dead == 0);
}
