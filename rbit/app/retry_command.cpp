#include <iostream>
#include <nlohmann/json.hpp>

#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/journal_access.h"
#include "rbit/app/retry_job.h"

namespace rbit {

ExitCode retry_command(const Arguments& arguments) {
  CommandLine line;
  line.usage = "rbit retry CONFIG JOB [--json]";
  line.about =
      "Has a job that is over done once more, as a new message with a key of its own, which is\n"
      "printed. Of one that failed its dead letter becomes that message; else rbit holds the "
      "messages\n"
      "of the last 250 jobs, as long as it runs. JOB is a key or an unambiguous beginning of it,\n"
      "PyBit's number, or `last`.";
  line.positions = {"CONFIG", "JOB"};
  line.required = 2;
  line.options.add_options()("json", "one JSON object: key, queue, retry_of");
  const auto values = parse(line, arguments);
  const Configuration configuration = need_configuration(values["CONFIG"].as<std::string>());
  const RetriedJob again = retry_job(configuration.settings(), values["JOB"].as<std::string>());
  if (values.count("json") != 0) {
    nlohmann::json said;
    said["key"] = again.key;
    said["queue"] = again.queue;
    said["retry_of"] = again.of;
    std::cout << said.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) << "\n";
  } else {
    std::cout << again.key << "\n";
  }
  if (!has_rbit(configuration.settings()))
    std::cerr << "no rbit runs with this configuration: the job runs when one is started\n";
  return ExitCode::ok;
}

}  // namespace rbit
