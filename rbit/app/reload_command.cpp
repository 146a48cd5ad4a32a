#include <boost/program_options/value_semantic.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/journal_access.h"
#include "rbit/app/value_changes.h"
#include "rbit/base/text.h"

namespace rbit {

namespace {

using nlohmann::json;

constexpr std::size_t longest_line = 4000;

ValueChange change_from(const json& said) {
  const auto text = [&](const char* member) {
    return text::one_line(said.value(member, ""), longest_line);
  };
  return {text("section"), text("key"), text("from"), text("to"), said.value("waits", false)};
}

void print(const json& answer) {
  const json& changed = answer["changed"];
  std::cout << "reloaded " << text::one_line(answer.value("file", ""), longest_line)
            << (changed.empty() ? ": nothing has changed\n" : "\n");
  for (const json& one : changed) {
    const ValueChange change = change_from(one);
    std::cout << "  " << change.text() << (change.waits ? " (after a restart)" : "") << "\n";
  }
}

}  // namespace

ExitCode reload_command(const Arguments& arguments) {
  CommandLine line;
  line.usage = "rbit reload CONFIG [--json]";
  line.about =
      "Has the running rbit read its file again and take it, whole or not at all: it tells which\n"
      "values changed, and which of them wait for a restart. Jobs that run end as they began.";
  line.positions = {"CONFIG"};
  line.options.add_options()("json", "one JSON object");
  const auto values = parse(line, arguments);
  const Configuration configuration = need_configuration(values["CONFIG"].as<std::string>());
  json request;
  request["do"] = "reload";
  const json answer = ask_the_running(configuration.settings(), request);
  const bool taken = answer.value("ok", false);
  if (values.count("json") != 0)
    std::cout << answer.dump(-1, ' ', true, json::error_handler_t::replace) << "\n";
  else if (taken)
    print(answer);
  if (taken) return ExitCode::ok;
  std::vector<std::string> lines;
  for (const json& finding : answer["findings"])
    lines.push_back(text::one_line(finding.get<std::string>(), longest_line));
  lines.push_back("nothing was taken: the configuration before stays in force");
  throw Fatal(ExitCode::config, lines);
}

}  // namespace rbit
