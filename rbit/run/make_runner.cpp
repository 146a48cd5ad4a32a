#include "rbit/run/make_runner.h"

#include <unistd.h>

#include <utility>

#include "rbit/log/runners.h"
#include "rbit/run/hosted_runner.h"
#include "runners/plugin/plugin_host.h"
#include "runners/python/python_host.h"
#include "runners/shell/shell_runner.h"

namespace rbit {

std::unique_ptr<Runner> make_runner(const asio::any_io_executor& loop, const RunnerLine& line,
                                    const std::string& name, RunnerPolicy policy,
                                    const RunPlace& place, LeaderPool& leaders) {
  const std::string what = std::string(to_string(line.kind)) + "!" + line.target + ":" + line.name;
  const auto level = log::runner_level();
  switch (line.kind) {
    case RunnerLine::Kind::plugin:
      return std::make_unique<HostedRunner>(
          loop, plugin_host_argv(place.plugin_host_program, line.target, line.name, ::geteuid()),
          what, name, std::move(policy), place, leaders);
    case RunnerLine::Kind::python:
      return std::make_unique<HostedRunner>(
          loop,
          python_host_argv(place.python_program, place.python_host_dir, place.config_dir,
                           line.target + ":" + line.name, ::geteuid(),
                           level ? log::python_name(*level) : ""),
          what, name, std::move(policy), place, leaders);
    case RunnerLine::Kind::shell:
      break;
  }
  return std::make_unique<ShellRunner>(loop, line, name, std::move(policy), place, leaders);
}

}  // namespace rbit
