#include <iostream>

#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/find_runner.h"
#include "rbit/app/message_file.h"
#include "rbit/app/message_readers.h"
#include "rbit/base/text.h"

namespace rbit {

namespace {

/// "ok", or what is wrong with it as a message of that runner.
std::string verdict_on(const std::string& file, const MessageReader& reader) {
  Message message;
  message.queue = "validate";
  message.body = read_message_file(file);
  note_size(message);
  const auto read = reader.read(message);
  if (read) return "ok";
  return read.error().detail.empty() ? read.error().text() : read.error().detail;
}

}  // namespace

ExitCode validate_command(const Arguments& arguments) {
  CommandLine line;
  line.usage = "rbit validate CONFIG RUNNER FILE...";
  line.about =
      "Checks whether [runner:RUNNER] takes the message in each FILE (- is standard input): its\n"
      "kind, what it needs, and its schema. Nothing is sent. Prints a line a file; ends with 0 if\n"
      "all fit, else with 1.";
  line.positions = {"CONFIG", "RUNNER"};
  line.rest = "FILE";
  line.required = 2;
  const auto values = parse(line, arguments);
  if (values.count("FILE") == 0) misuse(line.usage, "a FILE is missing");
  const Configuration configuration = need_configuration(values["CONFIG"].as<std::string>());
  const std::string runner = values["RUNNER"].as<std::string>();
  need_runner(configuration, runner);
  const MessageReader reader = message_reader(configuration, runner);
  bool all = true;
  for (const auto& file : values["FILE"].as<std::vector<std::string>>()) {
    std::string verdict;
    try {
      verdict = verdict_on(file, reader);
    } catch (const Fatal& fatal) {  // it cannot be read; the others may
      std::cerr << fatal.what() << std::endl;
      all = false;
      continue;
    }
    all = all && verdict == "ok";
    std::cout << text::one_line(file, 4096) << ": " << verdict << "\n";
  }
  return all ? ExitCode::ok : ExitCode::failed;
}

}  // namespace rbit
