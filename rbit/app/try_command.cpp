#include <stdlib.h>
#include <sys/stat.h>

#include <boost/asio/io_context.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <filesystem>
#include <iostream>

#include "rbit/app/app.h"
#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/job_output.h"
#include "rbit/app/message_file.h"
#include "rbit/app/message_readers.h"
#include "rbit/base/clock.h"
#include "rbit/base/text.h"
#include "rbit/dispatch/retry_policy.h"
#include "rbit/run/leader_pool.h"
#include "rbit/run/make_runner.h"
#include "rbit/run/workspace.h"

namespace rbit {

namespace {

/// A state directory for one job, gone afterwards. Artifacts of a runner without `output-dir` stay
/// in the current directory.
class Bench {
 public:
  Bench() {
    std::string path = (std::filesystem::temp_directory_path() / "rbit-try-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr)
      throw Fatal(ExitCode::no_permission, Error{path, "cannot be made", "set TMPDIR"});
    path_ = path;
    ::chmod(path_.c_str(), 0711);  // the job may run as somebody else (`user`)
    for (const char* part : {"/work", "/logs", "/record"}) ::mkdir((path_ + part).c_str(), 0700);
  }
  ~Bench() { (void)remove_tree(path_); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

[[noreturn]] void refuse_runner(const std::string& name, const Configuration& configuration) {
  std::vector<std::string> names;
  for (const auto& [known, settings] : configuration.settings().runners) names.push_back(known);
  const auto meant = text::did_you_mean(name, names);
  throw Fatal(ExitCode::usage, Error{"[runner:" + name + "]", "is not in the configuration",
                                     meant ? "did you mean '" + *meant + "'?"
                                           : "it has " + text::join(names, ", ")});
}

Job job_from(const std::string& file, const std::string& runner, const MessageReader& reader) {
  Message message;
  message.queue = "try";
  message.body = read_message_file(file);
  const auto request = reader.read(message);
  if (!request)
    throw Fatal(ExitCode::failed, Error{file, request.error().what(), request.error().cure});
  Job job;
  job.key = "try";
  job.queue = "try";
  job.runner = runner;
  job.timestamp = to_seconds(SystemClock().wall());
  job.kind = reader.kind();
  job.request = *request;
  job.digest = digest_of(message);
  job.head = message;
  job.body = message.body;
  return job;
}

/// Nothing of a message or a job may move the cursor, nor show a password.
std::string shown(const std::string& text) {
  return text::one_line(text);
}

void print(Status status, const std::string& reason, const std::string& message) {
  std::cout << to_string(status);
  if (!reason.empty()) std::cout << " " << shown(reason);
  if (!message.empty()) std::cout << ": " << shown(message);
  std::cout << std::endl;
}

Task<void> run_one(Runner& runner, LeaderPool& leaders, const Job& job, std::string record_dir,
                   Outcome& outcome) {
  StopRequest stop;
  RunContext context{[](Status status, const std::string& message) { print(status, "", message); },
                     stop, std::move(record_dir)};
  print(Status::building, "", "");
  outcome = co_await runner.run(job, context);
  co_await runner.close();
  co_await leaders.close();
}

}  // namespace

ExitCode try_command(const Arguments& arguments) {
  CommandLine line;
  line.usage = "rbit try CONFIG RUNNER MESSAGE-FILE";
  line.about =
      "Runs the message in MESSAGE-FILE through [runner:RUNNER], without a broker, and prints its\n"
      "statuses and output. Ends with 0 for Done, 1 for Failed, 75 for Blocked.";
  line.positions = {"CONFIG", "RUNNER", "MESSAGE-FILE"};
  line.required = 3;
  const auto values = parse(line, arguments);
  const Configuration configuration = need_configuration(values["CONFIG"].as<std::string>());
  const std::string name = values["RUNNER"].as<std::string>();
  const auto runner_settings = configuration.settings().runners.find(name);
  if (runner_settings == configuration.settings().runners.end()) refuse_runner(name, configuration);
  const Job job =
      job_from(values["MESSAGE-FILE"].as<std::string>(), name, message_reader(configuration, name));

  const Bench bench;
  RunPlace place = run_place(configuration.settings(), bench.path());
  place.work_dir = bench.path() + "/work";
  place.output_dir = std::filesystem::current_path().string();
  asio::io_context loop{1};
  LeaderPool leaders(loop.get_executor(), place.leader_program);
  const auto runner = make_runner(loop.get_executor(), configuration.lines.at(name), name,
                                  runner_settings->second.policy, place, leaders);
  Outcome outcome;
  spawn(loop.get_executor(), run_one(*runner, leaders, job, bench.path() + "/record", outcome),
        "try");
  loop.run();

  if (!outcome.log_file.empty()) (void)print_job_output(outcome.log_file);
  for (const auto& artifact : outcome.artifacts)
    std::cout << "artifact " << shown(artifact.path) << "\n";
  if (outcome.kind == Outcome::Kind::blocked) {
    print(Status::blocked, outcome.reason, outcome.message);
    return ExitCode::temporary;
  }
  const Settlement settlement = outcome.kind == Outcome::Kind::done
                                    ? Settlement::accept()
                                    : Settlement::dead_letter(outcome.reason);
  print(status_of(outcome, settlement), outcome.reason, outcome.message);
  return outcome.kind == Outcome::Kind::done ? ExitCode::ok : ExitCode::failed;
}

}  // namespace rbit
