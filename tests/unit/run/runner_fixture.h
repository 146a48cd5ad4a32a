#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rbit/core/runner.h"
#include "rbit/run/make_runner.h"
#include "tests/unit/run/run_fixture.h"

namespace rbit::test {

/// What a shell job begins with to be seen running.
inline constexpr const char* say_building =
    "echo '{\"status\": \"Building\", \"message\": \"up\"}' >&3; ";

/// Runs jobs through a runner and keeps what it reported.
struct RunnerFixture : RunFixture {
  RunnerPolicy policy;
  const RunPlace where = place();  // the runner's
  std::unique_ptr<Runner> runner;
  std::vector<std::string> reports;  // "Building: half way"
  std::string record;                // of the last job, closed again
  MessageHead message;               // of the message of each
  std::function<void(StopRequest&)> on_report;
  int slots_released = 0;
  std::vector<Publication> sent_now;
  std::vector<Progress> progress;
  std::string mistake;  // of wherever it publishes

  ~RunnerFixture() { end(); }
  void end() {
    if (runner) run(loop, runner->close());
    runner.reset();
  }
  void make(RunnerLine line) {
    end();
    runner = make_runner(loop.get_executor(), line, "runner:pdf", policy, where, leaders);
  }
  void shell(const std::string& line) {
    auto parsed = parse_runner_line("shell!" + line, policy.settings, dir.path());
    REQUIRE(parsed.errors.empty());
    make(parsed.line);
  }
  static Job job(const std::string& key = "key-1") {
    Job job;
    job.key = key;
    job.queue = "queue";
    job.runner = "pdf";
    job.timestamp = 1367322533;
    job.request.package = "m9000";
    job.request.version = "1.2";
    job.request.job_id = "36";
    job.body = "{\"body\": 1}\n";
    return job;
  }
  Result<void> prepare() { return run(loop, runner->prepare()); }
  Outcome run_job(Job one = job()) {
    reports.clear();
    sent_now.clear();
    progress.clear();
    record = fresh_record();
    Outcome outcome = test::run(loop, attempt(std::move(one)));
    close_record(record);
    return outcome;
  }
  std::string log_of(const Outcome& outcome) const { return read_file(outcome.log_file); }

 private:
  Task<Outcome> attempt(Job one) {
    StopRequest stop;
    RunContext context{[&](Status status, std::string said) {
                         reports.push_back(std::string(to_string(status)) + ": " + said);
                         if (on_report) on_report(stop);
                       },
                       stop, record, [&] { ++slots_released; }};
    context.publish = [&](Publication one_more) { sent_now.push_back(std::move(one_more)); };
    context.progress = [&](Progress now) { progress.push_back(std::move(now)); };
    context.mistake_of = [&](const Destination&) { return mistake; };
    one.head = message;
    Outcome outcome = co_await runner->run(one, context);
    co_return outcome;
  }
};

}  // namespace rbit::test
