#include "rbit/app/monitor_options.h"

namespace rbit {

MonitorOptions monitor_options(const config::Settings& all) {
  const config::MonitorSettings& settings = all.monitor;
  MonitorOptions options;
  options.server.listen = settings.listen;
  if (!settings.token_file.empty()) options.server.token = read_token(settings.token_file);
  options.health = settings.health;
  options.metrics_path = settings.metrics_path;
  options.name_space = settings.metrics_namespace;
  options.labels = settings.labels;
  for (const auto& [name, runner] : all.runners)
    if (!runner.policy.metrics.empty()) options.declared[name] = runner.policy.metrics;
  options.queues = all.queue_names();
  return options;
}

}  // namespace rbit
