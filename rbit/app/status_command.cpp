#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "rbit/app/brokers.h"
#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/control_client.h"
#include "rbit/app/journal_file.h"
#include "rbit/app/status_report.h"
#include "rbit/app/status_text.h"
#include "rbit/app/terminal.h"
#include "rbit/base/clock.h"

namespace rbit {

namespace {

using nlohmann::json;

/// Nothing: none runs, or it ended before it answered.
std::optional<json> ask_running(const config::Settings& settings) {
  auto client = ControlClient::connect(StateDir::socket(settings.state_dir));
  if (!client) return std::nullopt;
  json request;
  request["do"] = "status";
  if (!client->send(request)) return std::nullopt;
  constexpr std::chrono::seconds patience{10};  // who looks after it must not hang with it
  if (!client->wait_for(patience))
    throw Fatal(ExitCode::temporary,
                Error{settings.state_dir, "the rbit that runs here does not answer",
                      "look at its log and at the machine: it hangs, or is stopped"});
  const auto answer = client->receive();
  if (!answer && answer.error().thing == ControlClient::lost) return std::nullopt;
  if (!answer) throw Fatal(ExitCode::failed, answer.error());
  if (!answer->has_value()) return std::nullopt;
  return (**answer)["status"];
}

json status_of(const config::Settings& settings) {
  const auto broker = make_broker(settings);
  if (!has_journal(settings.state_dir)) return status_without_rbit(settings, *broker, nullptr);
  json status;
  do_at_journal(
      settings.state_dir,
      [&] {
        auto answer = ask_running(settings);
        if (answer) status = std::move(*answer);
        return answer.has_value();
      },
      [&](const StateDir& state) {
        asio::io_context loop;
        const auto database = open_journal_file(loop.get_executor(), state);
        status = status_without_rbit(settings, *broker, database.get());
      },
      [] { return std::string("it starts, stops or hangs: look at its log"); });
  return status;
}

}  // namespace

ExitCode status_command(const Arguments& arguments) {
  CommandLine line;
  line.usage = "rbit status CONFIG [--json] [--utc]";
  line.about =
      "Tells what the rbit that runs does: since when, its broker, each queue with what waits, "
      "runs,\n"
      "comes again and is dead, its slots, reports that wait, and its disks. Without one it tells\n"
      "what the state directory knows.\n"
      "Ends with 0 if all is well, 1 if an rbit runs and something is not (the last lines say "
      "what),\n"
      "69 if none runs, 75 if one does not answer. A queue that somebody has paused is well.";
  line.positions = {"CONFIG"};
  line.options.add_options()       //
      ("json", "one JSON object")  //
      ("utc", "times in UTC instead of local time");
  const auto values = parse(line, arguments);
  const Configuration configuration = need_configuration(values["CONFIG"].as<std::string>());
  const json status = status_of(configuration.settings());
  if (values.count("json") != 0) {
    std::cout << status.dump(-1, ' ', true, json::error_handler_t::replace) << "\n";
  } else {
    TextStyle style;
    style.zone = values.count("utc") != 0 ? Zone::utc : Zone::local;
    style.colours = wants_colours();
    if (::isatty(STDOUT_FILENO) == 1) style.width = terminal_width(STDOUT_FILENO);
    std::cout << status_text(status, to_micros(SystemClock().wall()), style);
  }
  if (status["rbit_runs"] != true) return ExitCode::unavailable;
  return status["well"] == true ? ExitCode::ok : ExitCode::failed;
}

}  // namespace rbit
