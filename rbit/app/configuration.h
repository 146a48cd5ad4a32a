#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "rbit/base/json_schema.h"
#include "rbit/config/settings.h"
#include "rbit/dispatch/chain.h"
#include "rbit/log/log.h"
#include "rbit/run/runner_line.h"

namespace rbit {

/// The file as every command needs it: read, and its lines of runners and hooks and its schemas
/// taken apart.
struct Configuration {
  config::Loaded loaded;
  std::map<std::string, RunnerLine> lines;    // by runner name
  std::map<std::string, RunnerLine> hooks;    // of `run`, by the hook's name
  std::map<std::string, JsonSchema> schemas;  // of the runners that have one

  const config::Settings& settings() const { return loaded.settings; }
  bool ok() const { return loaded.ok(); }
};

/// Reads the file. All mistakes are findings; nothing is printed or thrown.
Configuration read_configuration(const std::string& path, const config::Overrides& overrides = {});

/// Reads it again as it was read at the start, the command line's options included. On any thread.
using ReadConfiguration = std::function<Configuration()>;

/// Of each queue who does its messages.
std::map<std::string, QueueRunner> runners_of_queues(const config::Settings& settings);

/// Where a task goes that follows another in its chain: to the queue of a route that has its name,
/// the one of its predecessor first. What no route knows goes to that queue, where it is a dead
/// letter if that has a route. `settings` outlives it.
QueueOfTask queues_of_tasks(const config::Settings& settings);

/// Prints what was found to stderr, warnings too, and throws Fatal{config} if there are errors.
Configuration need_configuration(const std::string& path, const config::Overrides& overrides = {});

log::Settings log_settings(const config::LogSettings& settings);

}  // namespace rbit
