#include <nlohmann/json.hpp>

#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/control_client.h"
#include "rbit/app/state_dir.h"

namespace rbit {

ExitCode cancel_command(const Arguments& arguments) {
  CommandLine line;
  line.usage = "rbit cancel CONFIG JOB";
  line.about = "Stops a job that runs, by its key or by PyBit's number; it ends as Cancelled.";
  line.positions = {"CONFIG", "JOB"};
  line.required = 2;
  const auto values = parse(line, arguments);
  const Configuration configuration = need_configuration(values["CONFIG"].as<std::string>());
  const auto& state_dir = configuration.settings().state_dir;
  auto client = ControlClient::connect(StateDir::socket(state_dir));
  if (!client)
    throw Fatal(ExitCode::failed, Error{state_dir, "no rbit runs here", "so no job does"});
  nlohmann::json request;
  request["do"] = "cancel";
  request["job"] = values["JOB"].as<std::string>();
  if (const auto sent = client->send(request); !sent) throw Fatal(ExitCode::internal, sent.error());
  const auto answer = client->receive();
  if (!answer) throw Fatal(ExitCode::failed, answer.error());
  return ExitCode::ok;
}

}  // namespace rbit
