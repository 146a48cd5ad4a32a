#include <unistd.h>

#include <boost/program_options/value_semantic.hpp>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "rbit/app/app.h"
#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/job_output.h"
#include "rbit/app/journal_access.h"
#include "rbit/app/output_tail.h"
#include "rbit/app/status_text.h"
#include "rbit/base/text.h"
#include "rbit/run/job_log.h"

namespace rbit {

namespace po = boost::program_options;
using nlohmann::json;

namespace {

constexpr std::chrono::milliseconds look_pause{200};  // rbit writes once a second
constexpr int looks_a_question = 5;                   // then rbit is asked for the job again

/// One command's work.
class LogCommand {
 public:
  LogCommand(const po::variables_map& values, const config::Settings& settings)
      : settings_(settings), name_(values["JOB"].as<std::string>()) {
    if (values.count("attempt") != 0) attempt_ = values["attempt"].as<int>();
    if (attempt_ && *attempt_ < 1)
      throw Fatal(ExitCode::usage, Error{"--attempt", "there is none before the first", ""});
    job_ = ask_for_job(settings_, name_);
    name_ = job_["key"].get<std::string>();
  }

  ExitCode print_path() const {
    const std::string path = path_of_log();
    if (path.empty()) throw Fatal(ExitCode::failed, nothing_there());
    std::cout << path << "\n";
    return ExitCode::ok;
  }

  ExitCode print() const {
    const std::string path = path_of_log();
    if (path.empty()) {
      const bool is_mistake = attempt_ || (!runs() && job_["ended"] == 0);
      if (is_mistake) throw Fatal(ExitCode::failed, nothing_there());
      const Error why = nothing_there();  // which is no mistake
      std::cerr << why.thing << " " << why.reason << "\n";
      return ExitCode::ok;
    }
    if (const auto printed = print_job_output(path); !printed)
      throw Fatal(ExitCode::failed, printed.error());
    return ExitCode::ok;
  }

  /// To the end of the job, or of that attempt; one that is to come is waited for.
  ExitCode follow() {
    for (bool said = false;;) {
      const int attempt = job_["attempt"].get<int>();
      const int wanted = attempt_.value_or(attempt);
      if (wanted > 0 && wanted <= attempt && wanted != printed_) {
        follow_attempt(wanted);
        said = false;
      }
      if (job_.contains("rbit_runs") && is_open()) {
        std::cerr << "no rbit runs: the job goes on when one is started\n";
        return ExitCode::ok;
      }
      const bool is_past = attempt_ && printed_ == *attempt_;
      if (is_past || (!is_open() && job_["attempt"] == attempt)) return ExitCode::ok;
      if (!runs() && !said) say_what_is_waited_for();
      said = true;
      std::this_thread::sleep_for(look_pause);
      job_ = ask();
    }
  }

 private:
  bool runs() const { return job_["state"] == "running"; }
  /// Whether another attempt may come.
  bool is_open() const {
    return runs() || job_["state"] == "waiting" || job_["state"] == "blocked";
  }

  /// An rbit that starts or stops just now has the journal and does not answer, for a moment.
  json ask() const {
    constexpr int most_tries = 10;
    for (int tries = 1;; ++tries) {
      try {
        return ask_for_job(settings_, name_);
      } catch (const Fatal& fatal) {
        if (fatal.code() != ExitCode::temporary || tries == most_tries) throw;
      }
      std::this_thread::sleep_for(look_pause);
    }
  }

  std::string path_of(int attempt) const {
    Job job;
    job.key = job_["key"].get<std::string>();
    job.queue = job_["queue"].get<std::string>();
    job.attempt = attempt;
    return run_place(settings_, settings_.state_dir).log_dir + "/" + JobLog::name_of(job);
  }

  /// Of the attempt that is asked for; else of the one that runs, or the last one that ended.
  /// Empty: it wrote nothing, or there is none yet.
  std::string path_of_log() const {
    if (!attempt_ && !runs()) return job_["log"].get<std::string>();
    const std::string path = path_of(attempt_.value_or(job_["attempt"].get<int>()));
    return ::access(path.c_str(), F_OK) == 0 ? path : "";
  }

  Error nothing_there() const {
    const std::string job = "job " + text::one_line(name_, 300);
    const int last = job_["attempt"].get<int>();
    if (attempt_ && *attempt_ > last)
      return {job, "has no attempt " + std::to_string(*attempt_),
              last == 0 ? "none has begun" : "the last one is " + std::to_string(last)};
    if (attempt_)
      return {job + ", attempt " + std::to_string(*attempt_),
              "wrote nothing, or its log was removed",
              "[log] keep-days and keep-size say how long logs stay"};
    if (runs()) return {job, "has written nothing yet", ""};
    if (job_["ended"] == 0) return {job, "has no output yet", ""};
    return {job, "wrote nothing", ""};
  }

  void follow_attempt(int attempt) {
    const bool is_present = runs() && job_["attempt"] == attempt;
    OutputTail tail(path_of(attempt), is_present ? job_["begun"].get<std::int64_t>() : 0);
    for (int looks = 0; runs() && job_["attempt"] == attempt && !job_.contains("rbit_runs");) {
      tail.print_new();
      std::this_thread::sleep_for(look_pause);
      if (++looks % looks_a_question == 0) job_ = ask();
    }
    tail.finish();
    printed_ = attempt;
  }

  void say_what_is_waited_for() const {
    std::cerr << "attempt " << job_["attempt"].get<int>() + 1 << " has not begun";
    if (const auto again = job_["again"].get<std::int64_t>(); again > 0)
      std::cerr << ": the job comes again at " << moment_text(again, Zone::local);
    std::cerr << std::endl;
  }

  const config::Settings& settings_;
  std::string name_;
  std::optional<int> attempt_;
  json job_;
  int printed_ = 0;  // the attempt that was followed to its end
};

}  // namespace

ExitCode log_command(const Arguments& arguments) {
  CommandLine line;
  line.usage = "rbit log CONFIG JOB [-f | --path] [--attempt N]";
  line.about =
      "Prints the output of a job: of the attempt that runs, as far as it is written, else of the\n"
      "last one. JOB is a key or an unambiguous beginning of it, PyBit's number, or `last`.";
  line.positions = {"CONFIG", "JOB"};
  line.required = 2;
  line.options.add_options()                                                             //
      ("follow,f", "go on as the job writes, to its end; a next attempt is waited for")  //
      ("attempt", po::value<int>(), "of that attempt, the first is 1")                   //
      ("path", "print where the log lies instead");
  const auto values = parse(line, arguments);
  if (values.count("follow") != 0 && values.count("path") != 0)
    throw Fatal(ExitCode::usage,
                Error{"--path", "prints nothing of the log, so there is nothing to follow",
                      "leave one of them out"});
  const Configuration configuration = need_configuration(values["CONFIG"].as<std::string>());
  LogCommand command(values, configuration.settings());
  if (values.count("path") != 0) return command.print_path();
  return values.count("follow") != 0 ? command.follow() : command.print();
}

}  // namespace rbit
