#include <unistd.h>

#include <nlohmann/json.hpp>

#include "rbit/app/app.h"
#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/job_output.h"
#include "rbit/app/journal_access.h"
#include "rbit/run/job_log.h"

namespace rbit {

namespace {

/// The file of the attempt that runs, else of the last one that ended; empty: there is none yet.
std::string log_of(const nlohmann::json& job, const config::Settings& settings) {
  Job running;
  running.key = job["key"].get<std::string>();
  running.queue = job["queue"].get<std::string>();
  running.attempt = job["attempt"].get<int>();
  const std::string path =
      run_place(settings, settings.state_dir).log_dir + "/" + JobLog::name_of(running);
  const bool is_there = job["state"] == "running" && ::access(path.c_str(), F_OK) == 0;
  return is_there ? path : job["log"].get<std::string>();
}

}  // namespace

ExitCode log_command(const Arguments& arguments) {
  CommandLine line;
  line.usage = "rbit log CONFIG JOB";
  line.about = "Prints the output of a job, by its key or by PyBit's number.";
  line.positions = {"CONFIG", "JOB"};
  line.required = 2;
  const auto values = parse(line, arguments);
  const Configuration configuration = need_configuration(values["CONFIG"].as<std::string>());
  const std::string name = values["JOB"].as<std::string>();
  const auto job = ask_for_job(configuration.settings(), name);
  const std::string path = log_of(job, configuration.settings());
  if (path.empty()) throw Fatal(ExitCode::failed, Error{"job " + name, "has no output yet", ""});
  if (const auto printed = print_job_output(path); !printed)
    throw Fatal(ExitCode::failed, printed.error());
  return ExitCode::ok;
}

}  // namespace rbit
