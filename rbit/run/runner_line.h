#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/core/job_field.h"
#include "rbit/core/message_fact.h"
#include "rbit/core/message_kind.h"

namespace rbit {

/// The value of `runner` in a [runner:NAME] section, taken apart: `kind!rest`.
struct RunnerLine {
  enum class Kind { shell, plugin, python };

  Kind kind = Kind::shell;
  std::string shell_line;                     // shell: for `/bin/sh -c`, placeholders rewritten
  std::vector<std::string> variables;         // shell: the RBIT_* that stand for its placeholders
  std::vector<MessageFact> facts;             // shell: those of RBIT_FACT_1 and so on
  std::vector<std::string> shell{"/bin/sh"};  // shell: what runs the line, with its options
  std::string script;  // shell: the absolute path that the line runs, if it is known
  std::string target;  // plugin: absolute path of the library; python: the module
  std::string name;    // plugin: of the runner in it; python: the callable
};

std::string_view to_string(RunnerLine::Kind kind);  // "shell", "plugin", "python"

/// `line` counts only if there are no errors. The errors are all there are, each a text to put
/// after "rbit.ini:22: [runner:pdf] runner: ".
struct ParsedRunnerLine {
  RunnerLine line;
  std::vector<std::string> errors;
  std::vector<std::string> warnings;  // what may be meant otherwise
};

/// What is wrong with a placeholder where the messages are of that kind, with its cure, or "".
std::string mistake_of_kind(MessageKind kind, const JobField& field);
std::string mistake_of_kind(MessageKind kind, const MessageFact& fact);
/// All that is wrong with those of a line.
std::vector<std::string> mistakes_of_kind(MessageKind kind, const RunnerLine& line);

/// Pure. `settings` are those of the section (RunnerPolicy::settings); `directory` is the absolute
/// one of the INI file: a plugin's relative path starts there, one without a slash too.
ParsedRunnerLine parse_runner_line(std::string_view value,
                                   const std::map<std::string, std::string>& settings,
                                   const std::string& directory);

}  // namespace rbit
