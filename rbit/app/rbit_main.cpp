#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>

#include "rbit/app/commands.h"
#include "rbit/base/result.h"
#include "rbit/base/secrets.h"
#include "rbit/base/standard_descriptors.h"
#include "rbit/base/text.h"
#include "rbit/log/log.h"

namespace rbit {
namespace {

struct Command {
  const char* name;
  const char* arguments;
  const char* about;
  ExitCode (*run)(const Arguments&);
};

/// The one table of commands: it feeds --help and the choice.
constexpr Command commands[] = {
    {"run", "CONFIG", "take jobs until told to stop (the word `run` may be left out)", run_command},
    {"check", "CONFIG", "find mistakes before a job is lost", check_command},
    {"submit", "CONFIG --queue Q ...", "put messages into a queue", submit_command},
    {"validate", "CONFIG RUNNER FILE...", "check messages as a runner would, without sending them",
     validate_command},
    {"try", "CONFIG RUNNER FILE", "one message through one runner, without a broker", try_command},
    {"status", "CONFIG", "tell what the rbit that runs does, and whether it is well",
     status_command},
    {"jobs", "CONFIG", "list the jobs that run and that ran", jobs_command},
    {"log", "CONFIG JOB", "print the output of a job", log_command},
    {"explain", "CONFIG JOB", "tell the whole story of a job", explain_command},
    {"cancel", "CONFIG JOB", "stop a job, or keep one from running", cancel_command},
    {"retry", "CONFIG JOB", "do a job that is over once more", retry_command},
    {"pause", "CONFIG [QUEUE]", "take nothing new from a queue, or from all", pause_command},
    {"resume", "CONFIG [QUEUE]", "take from it again", resume_command},
    {"reload", "CONFIG", "have the rbit that runs take the changed file", reload_command},
    {"dead", "list|show|replay|drop CONFIG", "the dead letters: see them, bring them back",
     dead_command},
    {"config", "CONFIG", "print every value in force and where it comes from", config_command},
};

void print_help() {
  std::cout << "rbit " RBIT_VERSION
               " runs build jobs from AMQP queues, as an INI file says.\n\n"
               "usage: rbit CONFIG [--poll-time N] [--debug] [--name N]\n"
               "       rbit COMMAND CONFIG ...\n\n";
  for (const Command& command : commands) {
    std::string call = std::string("  ") + command.name + " " + command.arguments;
    call.resize(std::max<std::size_t>(call.size() + 2, 38), ' ');
    std::cout << call << command.about << "\n";
  }
  std::cout
      << "\n`rbit COMMAND --help` tells the options of a command; rbit(1) and rbit.ini(5) the "
         "rest.\n";
}

/// Without a command the first word names a file. One that is none, and looks like a command, was
/// meant as one: it has no dot and no slash, is nearly a command, or another word follows.
void refuse_unknown(const Arguments& arguments) {
  const std::string& word = arguments.front();
  const std::string next = arguments.size() > 1 ? arguments[1] : "";
  std::vector<std::string> names;
  for (const Command& command : commands) names.emplace_back(command.name);
  if (word == "-" || word.starts_with('-')) return;
  std::error_code ignored;
  if (std::filesystem::exists(word, ignored)) {
    if (std::find(names.begin(), names.end(), next) == names.end()) return;
    throw Fatal(ExitCode::usage,
                Error{"rbit", "the command stands before the file", "rbit " + next + " " + word});
  }
  const auto meant = text::did_you_mean(word, names);
  const bool is_plain = word.find_first_of("./") == std::string::npos;
  const bool goes_on = !next.empty() && !next.starts_with('-');
  if (!meant && !is_plain && !goes_on) return;
  throw Fatal(ExitCode::usage,
              Error{"rbit", "unknown command '" + text::one_line(word, 80) + "'",
                    (meant ? "did you mean rbit " + *meant + "? " : std::string()) +
                        "the commands are " + text::join(names, ", ")});
}

ExitCode choose(Arguments arguments) {
  if (arguments.empty()) {
    throw Fatal(ExitCode::usage,
                std::vector<std::string>{"usage: rbit CONFIG [--poll-time N] [--debug] [--name N]",
                                         "       (rbit --help lists the commands)"});
  }
  const std::string first = arguments.front();
  if (first == "--help" || first == "-h" || first == "help") {
    print_help();
    return ExitCode::ok;
  }
  if (first == "--version" || first == "version") {
    std::cout << "rbit " RBIT_VERSION "\n";
    return ExitCode::ok;
  }
  for (const Command& command : commands) {
    if (first != command.name) continue;
    arguments.erase(arguments.begin());
    return command.run(arguments);
  }
  refuse_unknown(arguments);
  return run_command(arguments);
}

/// Standard error may be one that nobody reads: what is said there goes the log's way, too.
int guarded(const Arguments& arguments) {
  ExitCode code = ExitCode::internal;
  try {
    code = choose(arguments);
    if (!std::cout.flush() && code == ExitCode::ok)  // who reads only a part must hear of it
      throw Fatal(ExitCode::failed,
                  Error{"standard output", "could not be written to its end", "is its disk full?"});
  } catch (const Fatal& fatal) {
    for (const auto& line : fatal.lines()) log::print(secrets::redacted(line));
    code = fatal.code();
  } catch (const std::exception& error) {
    log::print("rbit: internal error: " + secrets::redacted(error.what()));
  }
  log::flush();
  return static_cast<int>(code);
}

}  // namespace
}  // namespace rbit

int main(int argc, char** argv) {
  rbit::need_standard_descriptors();
  // Secrets are in our memory: it goes to no core file and to no debugger.
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::prctl(PR_SET_DUMPABLE, 0);
  std::set_terminate([] {
    rbit::log::flush();  // what explains it
    std::abort();
  });
  return rbit::guarded(rbit::Arguments(argv + 1, argv + argc));
}
