// The value of `runner` and what it becomes.
#include <algorithm>
#include <cstddef>
#include <map>

#include "rbit/base/json.h"
#include "rbit/base/text.h"
#include "rbit/run/runner_line.h"
#include "rbit/run/shell_rewrite.h"
#include "tests/fuzz/fuzz.h"

using namespace rbit;
using fuzz::need;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::map<std::string, std::string> settings{
      {"host", "http://cnx.org"}, {"deposit_location", "/srv/my files"}, {"host-name", "x"}};
  const ParsedRunnerLine parsed =
      parse_runner_line(fuzz::bytes_of(data, size), settings, "/etc/rbit");
  if (!parsed.errors.empty()) return 0;
  const RunnerLine& line = parsed.line;
  switch (line.kind) {
    case RunnerLine::Kind::shell:
      for (const auto& variable : line.variables) {
        need(variable.starts_with("RBIT_"), "variables are rbit's own");
        need(line.shell_line.find(variable) != std::string::npos, "and stand in the line");
      }
      for (std::size_t index = 0; index < line.facts.size(); ++index) {
        const MessageFact& fact = line.facts[index];
        need(std::count(line.variables.begin(), line.variables.end(), fact_variable(index)) == 1,
             "a part of the message has one variable");
        need(fact.of == MessageFact::Of::member || fact.of == MessageFact::Of::header,
             "and it is one that not every job has");
        need(fact.of == MessageFact::Of::header || json::wrong_pointer(fact.name).empty(),
             "a member's pointer is one");
        need(text::is_printable(fact.shown), "it can be shown");
      }
      break;
    case RunnerLine::Kind::plugin:
      need(line.target.starts_with('/'), "a library's path is absolute");
      need(!line.name.empty(), "a plugin's runner has a name");
      break;
    case RunnerLine::Kind::python:
      need(!line.target.empty() && !line.name.empty(), "a function and its module");
      break;
  }
  return 0;
}
