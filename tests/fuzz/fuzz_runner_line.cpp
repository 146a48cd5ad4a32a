// The value of `runner` and what it becomes.
#include <map>

#include "rbit/run/runner_line.h"
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
