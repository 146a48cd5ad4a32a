#include <stdlib.h>
#include <sys/stat.h>

#include <boost/asio/io_context.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <filesystem>
#include <utility>
#include <vector>

#include "rbit/app/app.h"
#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/find_runner.h"
#include "rbit/app/message_file.h"
#include "rbit/app/message_readers.h"
#include "rbit/app/try_report.h"
#include "rbit/base/clock.h"
#include "rbit/base/text.h"
#include "rbit/dispatch/chain.h"
#include "rbit/dispatch/closing.h"
#include "rbit/dispatch/retry_policy.h"
#include "rbit/run/job_log.h"
#include "rbit/run/leader_pool.h"
#include "rbit/run/make_runner.h"
#include "rbit/run/workspace.h"

namespace rbit {

namespace po = boost::program_options;

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
    for (const char* part : {"/work", "/logs"}) ::mkdir((path_ + part).c_str(), 0700);
  }
  ~Bench() { (void)remove_tree(path_); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// "NAME=VALUE", of an option.
std::pair<std::string, std::string> pair_of(const std::string& option, const std::string& text) {
  const std::size_t at = text.find('=');
  if (at == 0 || at == std::string::npos)
    throw Fatal(ExitCode::usage, Error{option, "'" + text::one_line(text, 80) + "' has no name",
                                       "write NAME=VALUE"});
  return {text.substr(0, at), text.substr(at + 1)};
}

void set_property(MessageHead& head, const std::string& option) {
  const auto [name, value] = pair_of("--property", option);
  std::vector<std::string> names;
  for (const auto& [known, member] : head_texts) {
    names.emplace_back(known);
    if (name != known) continue;
    head.*member = value;
    return;
  }
  throw Fatal(ExitCode::usage, Error{"--property", "'" + text::one_line(name, 80) + "' is none",
                                     "there are " + text::join(names, ", ")});
}

Message message_from(const po::variables_map& values) {
  Message message;
  message.queue = "try";
  message.body = read_message_file(values["MESSAGE-FILE"].as<std::string>());
  note_size(message);
  if (values.count("property") != 0)
    for (const auto& one : values["property"].as<std::vector<std::string>>())
      set_property(message, one);
  if (values.count("header") != 0)
    for (const auto& one : values["header"].as<std::vector<std::string>>()) {
      auto [name, value] = pair_of("--header", one);
      message.headers[name] = std::move(value);
    }
  return message;
}

Job job_from(const Message& message, const std::string& file, const std::string& runner,
             const MessageReader& reader) {
  const auto request = reader.read(message);
  if (!request)
    throw Fatal(ExitCode::failed,
                Error{file,
                      request.error().what() +
                          (request.error().detail.empty() ? "" : "; " + request.error().detail),
                      request.error().cure});
  Job job;
  job.key = message.message_id.empty() ? "try" : key_of(message);
  job.queue = message.queue;
  job.runner = runner;
  job.timestamp = to_seconds(SystemClock().wall());
  job.kind = reader.kind();
  job.request = *request;
  job.digest = digest_of(message);
  job.head = message;
  job.body = message.body;
  return job;
}

Task<void> run_one(Runner& runner, LeaderPool& leaders, const Job& job, std::string record_dir,
                   TryReport& report, Outcome& outcome, bool& over) {
  StopRequest stop;
  RunContext context{
      [&](Status status, const std::string& message) { report.status(status, message); }, stop,
      std::move(record_dir)};
  context.publish = [&](const Publication& publication) { report.publish_now(publication); };
  context.metric = [&](const MetricChange& change) { report.metric_now(job, change); };
  context.progress = [&](const Progress& progress) { report.progress(progress); };
  report.status(Status::building, "");
  outcome = co_await runner.run(job, context);
  co_await runner.close();
  co_await leaders.close();
  over = true;
}

/// What the job writes, as it writes it.
Task<void> show_output(TryReport& report, const bool& over) {
  constexpr std::chrono::milliseconds look_pause{100};
  SystemClock clock;
  while (!over) {
    report.show_new_output();
    co_await clock.sleep_for(look_pause);
  }
}

Status status_at_end(const Outcome& outcome) {
  if (outcome.kind == Outcome::Kind::blocked) return Status::blocked;
  return status_of(outcome, outcome.kind == Outcome::Kind::done
                                ? Settlement::accept()
                                : Settlement::dead_letter(outcome.reason));
}

}  // namespace

ExitCode try_command(const Arguments& arguments) {
  CommandLine line;
  line.usage = "rbit try CONFIG RUNNER MESSAGE-FILE [--property NAME=VALUE] [--header NAME=VALUE]";
  line.about =
      "Runs the message in MESSAGE-FILE through [runner:RUNNER], without a broker, and prints its\n"
      "statuses, its output and what it would send: nothing leaves. Ends with 0 for Done, 1 for\n"
      "Failed, 75 for Blocked.";
  line.positions = {"CONFIG", "RUNNER", "MESSAGE-FILE"};
  line.required = 3;
  const auto texts = [] { return po::value<std::vector<std::string>>()->composing(); };
  line.options.add_options()  //
      ("property", texts(), "a property of the message, such as reply_to=answers; any number")(
          "header", texts(), "a header of the message, a text; any number")(
          "output", "print what the job writes as it comes, not at its end")(
          "json", "one JSON object; the job's output goes to standard error");
  const auto values = parse(line, arguments);
  const Configuration configuration = need_configuration(values["CONFIG"].as<std::string>());
  const std::string name = values["RUNNER"].as<std::string>();
  need_runner(configuration, name);
  const RunnerPolicy& policy = configuration.settings().runners.at(name).policy;
  const Job job = job_from(message_from(values), values["MESSAGE-FILE"].as<std::string>(), name,
                           message_reader(configuration, name));

  const Bench bench;
  const auto record = make_record(bench.path() + "/record");
  if (!record) throw Fatal(ExitCode::temporary, record.error());
  RunPlace place = run_place(configuration.settings(), bench.path());
  place.work_dir = bench.path() + "/work";
  place.output_dir = std::filesystem::current_path().string();
  asio::io_context loop{1};
  LeaderPool leaders(loop.get_executor(), place.leader_program);
  const auto runner = make_runner(loop.get_executor(), configuration.lines.at(name),
                                  "runner:" + name, policy, place, leaders);
  TryReport report(values.count("json") != 0, policy.metrics);
  Outcome outcome;
  bool over = false;
  spawn(loop.get_executor(), run_one(*runner, leaders, job, *record, report, outcome, over), "try");
  if (values.count("output") != 0) {
    report.follow(place.log_dir + "/" + JobLog::name_of(job));
    spawn(loop.get_executor(), show_output(report, over), "output");
  }
  loop.run();

  const Status status = status_at_end(outcome);
  std::vector<Publication> leaving = closing(policy, job, outcome, status);
  if (status == Status::done)
    if (auto link = next_link(job, outcome, queues_of_tasks(configuration.settings())))
      leaving.push_back(std::move(*link));
  report.end(outcome, status, leaving);
  if (status == Status::blocked) return ExitCode::temporary;
  return status == Status::done ? ExitCode::ok : ExitCode::failed;
}

}  // namespace rbit
