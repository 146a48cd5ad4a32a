#include <nlohmann/json.hpp>

#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/journal_access.h"

namespace rbit {

ExitCode cancel_command(const Arguments& arguments) {
  CommandLine line;
  line.usage = "rbit cancel CONFIG JOB";
  line.about =
      "Stops a job that runs, or that waits here or comes again; it ends as Cancelled. JOB is a "
      "key\n"
      "or an unambiguous beginning of it, PyBit's number, or `last`.";
  line.positions = {"CONFIG", "JOB"};
  line.required = 2;
  const auto values = parse(line, arguments);
  const Configuration configuration = need_configuration(values["CONFIG"].as<std::string>());
  nlohmann::json request;
  request["do"] = "cancel";
  request["job"] = values["JOB"].as<std::string>();
  ask_the_running(configuration.settings(), request);
  return ExitCode::ok;
}

}  // namespace rbit
