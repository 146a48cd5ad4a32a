#include "rbit/run/make_runner.h"

#include <unistd.h>

#include <utility>
#include <vector>

#include "rbit/core/runner_words.h"
#include "rbit/log/log.h"
#include "rbit/run/hosted_runner.h"
#include "runners/shell/shell_runner.h"

namespace rbit {

namespace {

/// The user rbit runs as: the host accepts code that root, this user or the host's own user owns,
/// and the last two differ where a runner has `user`.
std::string trust_us() {
  return "--trust-uid=" + std::to_string(::geteuid());
}

/// -I: no PYTHON* variables, no user site, nothing from the current directory. -B: no __pycache__
/// beside somebody's configuration. A bare module is looked for beside the INI file too.
std::vector<std::string> python_host(const RunPlace& place, const std::string& target,
                                     MessageKind message) {
  std::vector<std::string> argv{place.python_program, "-I", "-B",
                                place.python_host_dir + "/rbit_host", trust_us()};
  // What the function logs comes as events too.
  if (const auto level = log::level_of(runners_logger))
    argv.push_back("--log-level=" + std::string(log::python_name(*level)));
  if (message != MessageKind::pybit) argv.push_back("--message=" + std::string(to_string(message)));
  argv.insert(argv.end(), {"--config-dir=" + place.config_dir, target});
  return argv;
}

}  // namespace

std::unique_ptr<Runner> make_runner(const asio::any_io_executor& loop, const RunnerLine& line,
                                    const std::string& section, RunnerPolicy policy,
                                    const RunPlace& place, LeaderPool& leaders) {
  if (line.kind == RunnerLine::Kind::shell)
    return std::make_unique<ShellRunner>(loop, line, std::move(policy), place, leaders);
  const std::string target = line.target + ":" + line.name;
  std::vector<std::string> host{place.plugin_host_program, trust_us(), line.target, line.name};
  if (line.kind == RunnerLine::Kind::python) host = python_host(place, target, policy.message);
  return std::make_unique<HostedRunner>(loop, std::move(host),
                                        std::string(to_string(line.kind)) + "!" + target, section,
                                        std::move(policy), place, leaders);
}

}  // namespace rbit
