#include <iostream>
#include <nlohmann/json.hpp>

#include "rbit/app/brokers.h"
#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/job_story.h"
#include "rbit/app/journal_access.h"
#include "rbit/base/clock.h"

namespace rbit {

ExitCode explain_command(const Arguments& arguments) {
  CommandLine line;
  line.usage = "rbit explain CONFIG JOB [--json]";
  line.about =
      "Tells the whole story of a job from the journal: deliveries, attempts with what they used "
      "and\n"
      "how they ended, reports sent and pending, what became of its message.";
  line.positions = {"CONFIG", "JOB"};
  line.required = 2;
  line.options.add_options()("json", "one JSON object");
  const auto values = parse(line, arguments);
  const Configuration configuration = need_configuration(values["CONFIG"].as<std::string>());
  const nlohmann::json story =
      ask_for_story(configuration.settings(), values["JOB"].as<std::string>());
  if (values.count("json") != 0)
    std::cout << story.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) << "\n";
  else
    std::cout << tell(story, to_micros(SystemClock().wall()),
                      *make_broker(configuration.settings()));
  return ExitCode::ok;
}

}  // namespace rbit
