#include <boost/program_options/value_semantic.hpp>
#include <filesystem>
#include <optional>
#include <string>

#include "rbit/app/brokers.h"
#include "rbit/app/checks.h"
#include "rbit/app/commands.h"
#include "rbit/app/sibling_states.h"
#include "rbit/base/text.h"

namespace rbit {

namespace po = boost::program_options;

std::string duration_text(std::chrono::milliseconds duration) {
  const auto number = duration.count();
  if (number % 1000 != 0) return std::to_string(number) + "ms";
  if (number == 0 || number % 60'000 != 0) return std::to_string(number / 1000) + "s";
  if (number % 3'600'000 != 0) return std::to_string(number / 60'000) + "m";
  return std::to_string(number / 3'600'000) + "h";
}

ExitCode check_command(const Arguments& arguments) {
  CommandLine line;
  line.usage = "rbit check CONFIG [--strict] [--live | --management PORT] [--json] [--root DIR]";
  line.about =
      "Finds what can be known before a job is lost, one line a finding: ok, warn or FAIL, what "
      "and the\ncure. Changes nothing, neither here nor at the broker.\n"
      "Ends with 0, with 1 if something failed, with 78 if the file itself does not load.";
  line.positions = {"CONFIG"};
  line.options.add_options()                                                                   //
      ("strict", "unknown and mistyped keys, also such as may be settings, are failures")      //
      ("live", "ask the broker and the front-end too")                                         //
      ("json", "one JSON object a line: level, what, cure")                                    //
      ("management", po::value<int>(),                                                         //
       "--live, and ask RabbitMQ's management plugin on this port for bindings and policies")  //
      ("root", po::value<std::string>()->default_value("/"),                                   //
       "where supervisord's and systemd's files are looked for");
  const auto values = parse(line, arguments);
  if (values.count("management") != 0) {
    const int port = values["management"].as<int>();
    if (port < 1 || port > 65535)
      throw Fatal(ExitCode::usage, Error{"--management", "is no port", "15672 is RabbitMQ's"});
  }
  const std::string root = values["root"].as<std::string>();
  std::error_code ignored;
  if (!std::filesystem::is_directory(root, ignored))
    throw Fatal(ExitCode::usage,
                Error{"--root", "'" + text::one_line(root, 300) + "' is no directory",
                      "name the one that systemd's or supervisord's etc is in"});
  const Configuration configuration = read_configuration(values["CONFIG"].as<std::string>());
  CheckFindings findings(values.count("json") != 0, values.count("strict") != 0);
  for (const auto& finding : configuration.loaded.findings) findings.add(finding);
  for (const auto& doubt : configuration.loaded.doubts) findings.add(doubt);
  if (!configuration.ok()) return ExitCode::config;

  const config::Settings& settings = configuration.settings();
  findings.ok(settings.file + ": " + std::to_string(settings.queues.size()) + " queues, " +
              std::to_string(settings.runners.size()) + " runners");
  std::optional<int> management;
  if (values.count("management") != 0) management = values["management"].as<int>();
  const bool live = management || values.count("live") != 0;
  const auto broker = make_broker(settings);
  check_places(settings, findings);
  for (const Error& sibling : left_siblings(settings.state_dir)) findings.warn(sibling);
  broker->check(findings);
  if (live) broker->check_live(management, findings);
  if (live) check_running(settings, findings);
  if (live) check_front_end(settings, findings);
  if (live) check_webhook(settings, findings);
  check_services(settings, root, findings);
  check_runners(configuration, broker->traits(), findings);
  check_hooks(configuration, broker->traits(), findings);
  return findings.failed() ? ExitCode::failed : ExitCode::ok;
}

}  // namespace rbit
