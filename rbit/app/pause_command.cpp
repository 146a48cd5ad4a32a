#include <boost/program_options/value_semantic.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/journal_access.h"
#include "rbit/base/text.h"

namespace rbit {

namespace {

using nlohmann::json;

/// What the two have in common: they name one queue, or mean all.
struct Steering {
  const char* act;     // as the running rbit knows it
  const char* done;    // "paused"
  const char* before;  // of one for which nothing was to be done
  CommandLine line;
};

ExitCode steer(Steering steering, const Arguments& arguments) {
  steering.line.positions = {"CONFIG", "QUEUE"};
  steering.line.options.add_options()("json", "one JSON object");
  const auto values = parse(steering.line, arguments);
  const Configuration configuration = need_configuration(values["CONFIG"].as<std::string>());
  json request;
  request["do"] = steering.act;
  request["queue"] = values.count("QUEUE") != 0 ? values["QUEUE"].as<std::string>() : "";
  const json answer = ask_the_running(configuration.settings(), request);
  const json& queues = answer["queues"];
  if (values.count("json") != 0) {
    json said;
    said[steering.done] = queues;
    std::cout << said.dump(-1, ' ', true, json::error_handler_t::replace) << "\n";
    return ExitCode::ok;
  }
  for (const json& queue : queues)
    std::cout << steering.done << " " << text::one_line(queue.get<std::string>(), 255) << "\n";
  if (queues.empty()) std::cout << steering.before << "\n";
  return ExitCode::ok;
}

}  // namespace

ExitCode pause_command(const Arguments& arguments) {
  Steering steering{"pause", "paused", "paused already", {}};
  steering.line.usage = "rbit pause CONFIG [QUEUE] [--json]";
  steering.line.about =
      "Takes nothing new from a queue, or from all there are, until `rbit resume`, also after a\n"
      "restart. Jobs that run go on; messages stay where they are.";
  return steer(std::move(steering), arguments);
}

ExitCode resume_command(const Arguments& arguments) {
  Steering steering{"resume", "resumed", "nothing was paused", {}};
  steering.line.usage = "rbit resume CONFIG [QUEUE] [--json]";
  steering.line.about = "Takes from a paused queue again, or from all of them.";
  return steer(std::move(steering), arguments);
}

}  // namespace rbit
