#include <iostream>
#include <nlohmann/json.hpp>

#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/journal_access.h"
#include "rbit/base/text.h"

namespace rbit {

ExitCode cancel_command(const Arguments& arguments) {
  CommandLine line;
  line.usage = "rbit cancel CONFIG JOB [--json]";
  line.about =
      "Stops a job that runs, or that waits here or comes again; it ends as Cancelled. Prints its "
      "key.\n"
      "JOB is a key or an unambiguous beginning of it, PyBit's number, or `last`.";
  line.positions = {"CONFIG", "JOB"};
  line.required = 2;
  line.options.add_options()("json", "one JSON object: key");
  const auto values = parse(line, arguments);
  const Configuration configuration = need_configuration(values["CONFIG"].as<std::string>());
  nlohmann::json request;
  request["do"] = "cancel";
  request["job"] = values["JOB"].as<std::string>();
  const nlohmann::json answer = ask_the_running(configuration.settings(), request);
  nlohmann::json said;
  said["key"] = answer.value("key", "");
  std::cout << (values.count("json") != 0
                    ? said.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace)
                    : text::one_line(said["key"].get<std::string>(), 300))
            << "\n";
  return ExitCode::ok;
}

}  // namespace rbit
