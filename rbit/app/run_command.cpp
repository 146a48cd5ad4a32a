#include <boost/program_options/value_semantic.hpp>

#include "rbit/app/app.h"
#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/hand_over.h"
#include "rbit/app/log_places.h"
#include "rbit/app/sibling_states.h"
#include "rbit/base/descriptor_limit.h"
#include "rbit/log/log.h"
#include "rbit/log/name.h"

namespace rbit {

namespace po = boost::program_options;

ExitCode run_command(const Arguments& arguments) {
  CommandLine line;
  line.usage = "rbit [run] CONFIG [--poll-time N] [--debug] [--name NAME]";
  line.about = "Takes jobs from the queues that CONFIG names until told to stop.";
  line.positions = {"CONFIG"};
  line.options.add_options()                                                          //
      ("poll-time", po::value<int>(), "look every N seconds instead of subscribing")  //
      ("debug", "log level DEBUG")                                                    //
      ("name", po::value<std::string>(), "instead of [rbit] name");
  const auto values = parse(line, arguments);

  config::Overrides overrides;
  if (values.count("poll-time") != 0) {
    const int seconds = values["poll-time"].as<int>();
    if (seconds < 1)
      throw Fatal(ExitCode::usage,
                  Error{"--poll-time", "is not 1 or more seconds", "leave it out to subscribe"});
    overrides.poll_time = std::chrono::seconds(seconds);
  }
  if (values.count("name") != 0) overrides.name = values["name"].as<std::string>();
  overrides.debug = values.count("debug") != 0;

  raise_descriptor_limit();
  const auto file = values["CONFIG"].as<std::string>();
  Configuration configuration = need_configuration(file, overrides);
  // Defaults that nobody wrote are for `rbit config`: kept, they would be half of a queue's memory.
  std::vector<config::Value>& known = configuration.loaded.values;
  std::erase_if(known, [](const config::Value& value) { return value.place.file.empty(); });
  known.shrink_to_fit();
  if (const auto safe = check_log_places(configuration.settings().log); !safe)
    throw Fatal(ExitCode::config, safe.error());
  log::configure(log_settings(configuration.settings().log));
  log::show_as(configuration.settings().log.shown_as);
  const std::string& state_dir = configuration.settings().state_dir;
  if (const auto fits = StateDir::check_socket(state_dir); !fits)
    throw Fatal(ExitCode::config, fits.error());
  StateDir state = take_over(state_dir);
  for (const Error& sibling : left_siblings(state_dir)) log::warning(sibling.text());
  ReadConfiguration read_again = [file, overrides] { return read_configuration(file, overrides); };
  App app(std::move(configuration), std::move(read_again), std::move(state));
  return app.run();
}

}  // namespace rbit
