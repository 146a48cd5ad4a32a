#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "rbit/app/app.h"
#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/job_output.h"
#include "rbit/app/journal_access.h"
#include "rbit/run/job_log.h"

namespace rbit {

namespace {

/// The file of the attempt that runs, else of the last one that ended; empty: it wrote nothing, or
/// there is none yet.
std::string log_of(const nlohmann::json& job, const config::Settings& settings) {
  if (job["state"] != "running") return job["log"].get<std::string>();
  Job running;
  running.key = job["key"].get<std::string>();
  running.queue = job["queue"].get<std::string>();
  running.attempt = job["attempt"].get<int>();
  const std::string path =
      run_place(settings, settings.state_dir).log_dir + "/" + JobLog::name_of(running);
  return ::access(path.c_str(), F_OK) == 0 ? path : "";
}

/// A job that has written nothing has no file, which is no mistake.
ExitCode say_nothing_there(const nlohmann::json& job, const std::string& name) {
  const bool runs = job["state"] == "running";
  if (!runs && job["ended"] == 0)
    throw Fatal(ExitCode::failed, Error{"job " + name, "has no output yet", ""});
  std::cerr << "job " << name << (runs ? " has written nothing yet" : " wrote nothing") << "\n";
  return ExitCode::ok;
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
  if (path.empty()) return say_nothing_there(job, name);
  if (const auto printed = print_job_output(path); !printed)
    throw Fatal(ExitCode::failed, printed.error());
  return ExitCode::ok;
}

}  // namespace rbit
