#include "rbit/app/dead_at_journal.h"

#include <nlohmann/json.hpp>

#include "rbit/app/control_client.h"

namespace rbit {

namespace {

using nlohmann::json;

/// Returns false if no rbit runs, or it ended before it began.
bool do_by_running(const std::string& state_dir, const DeadOrder& order,
                   const Broker::TellDead& tell) {
  auto client = ControlClient::connect(StateDir::socket(state_dir));
  if (!client) return false;
  json request = to_json(order);
  request["do"] = "dead";
  if (!client->send(request)) return false;
  for (bool first = true;; first = false) {
    const auto line = client->receive();
    if (!line) throw Fatal(ExitCode::failed, line.error());
    if (!*line && first) return false;
    if (!*line)
      throw Fatal(ExitCode::temporary,
                  Error{"the running rbit", "ended before all was done", "ask again"});
    tell(**line);
    if ((*line)->contains("seen")) return true;
  }
}

}  // namespace

void do_with_the_dead_here(const config::Settings& settings, const DeadOrder& order,
                           const Broker::TellDead& tell,
                           const std::function<void(const StateDir&)>& straight) {
  do_at_journal(
      settings.state_dir, [&] { return do_by_running(settings.state_dir, order, tell); }, straight,
      [] { return std::string("look at its log; nothing was done"); });
}

TellDead passing_on(const Broker::TellDead& tell) {
  return [&tell](const json& line) -> Task<bool> {
    tell(line);
    co_return true;
  };
}

}  // namespace rbit
