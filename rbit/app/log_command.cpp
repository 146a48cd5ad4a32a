#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/job_output.h"
#include "rbit/app/journal_access.h"

namespace rbit {

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
  const std::string path = job["log"].get<std::string>();
  if (path.empty()) throw Fatal(ExitCode::failed, Error{"job " + name, "has no output yet", ""});
  if (const auto printed = print_job_output(path); !printed)
    throw Fatal(ExitCode::failed, printed.error());
  return ExitCode::ok;
}

}  // namespace rbit
