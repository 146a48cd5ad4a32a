#include "rbit/base/host_port.h"
#include "rbit/base/loopback.h"
#include "rbit/base/text.h"
#include "rbit/config/environment.h"
#include "rbit/config/section_reader.h"
#include "rbit/config/sections.h"
#include "rbit/config/values.h"
#include "rbit/core/monitor_names.h"

namespace rbit::config {

namespace {

/// [monitor] listen, or what BarterDude's variables say; a bare port is one of the loopback
/// interface.
std::string read_listen(SectionReader& reader) {
  constexpr const char *host_variable = "ASYNCWORKER_HTTP_HOST",
                       *port_variable = "ASYNCWORKER_HTTP_PORT";
  const auto host = environment_of(host_variable), port = environment_of(port_variable);
  long long number = 0;
  if (reader.has("listen") || (!host && !port)) {
    const std::string text = reader.text("listen");
    return text::parse_number(text, 1, 65535, number) ? "127.0.0.1:" + text : text;
  }
  if (port && !text::parse_number(*port, 1, 65535, number))
    environment_error(port_variable, *port, "a number from 1 to 65535", reader.loaded());
  std::string name = host.value_or("127.0.0.1");
  if (name.find(':') != std::string::npos && !name.starts_with('[')) name = "[" + name + "]";
  if (!parse_host_port(name + ":1"))
    environment_error(host_variable, *host, "a host", reader.loaded());
  const std::string listen = name + ":" + port.value_or("8080");
  reader.note("listen", listen, {"environment", 0});
  return listen;
}

void check_listen(SectionReader& reader, const std::string& listen) {
  if (listen.empty()) return;
  const auto address = parse_host_port(listen);
  if (!address || address->port == 0)
    reader.wrong("listen", listen, "is not HOST:PORT");
  else if (!is_loopback(address->host) && !reader.has("token-file"))  // others could read it
    reader.wrong("listen", listen,
                 "is not on this machine alone (write token-file too, or 127.0.0.1:" +
                     std::to_string(address->port) + ")");
}

/// Where the metrics are: no key of ours, but of asyncworker's variables.
void read_metrics_path(Loaded& loaded, std::string& path) {
  constexpr const char *path_variable = "ASYNCWORKER_METRICS_ROUTE_PATH",
                       *enabled_variable = "ASYNCWORKER_METRICS_ROUTE_ENABLED";
  const Place place{"environment", 0};
  if (const auto said = environment_of(path_variable)) {
    path = *said;
    loaded.values.push_back({"monitor", path_variable, path, place});
    if (!path.starts_with('/') || is_own_path(path) ||
        path.find_first_of("?# \t\n") != std::string::npos)
      environment_error(path_variable, path, "a path such as /metrics", loaded);
  }
  if (const auto said = environment_of(enabled_variable)) {
    loaded.values.push_back({"monitor", enabled_variable, *said, place});
    const auto enabled = parse_flag(text::lower(*said));
    if (!enabled) environment_error(enabled_variable, *said, "True or False", loaded);
    if (enabled && !*enabled) path.clear();
  }
}

}  // namespace

void read_monitor(const Ini& ini, Loaded& loaded) {
  SectionReader reader(find_child(ini, "monitor"), "monitor", "monitor", loaded);
  MonitorSettings& monitor = loaded.settings.monitor;
  monitor.listen = read_listen(reader);
  check_listen(reader, monitor.listen);
  read_metrics_path(loaded, monitor.metrics_path);
  reader.read("token-file", monitor.token_file);
  reader.read("success-rate", monitor.health.success_rate);
  reader.read("health-window", monitor.health.window);
  if (monitor.health.window.count() == 0) reader.error("health-window", "must be more than 0");
  reader.read("max-connection-fails", monitor.health.max_connection_fails);
  reader.read("metrics-namespace", monitor.metrics_namespace);
  if (!is_variable_name(monitor.metrics_namespace))
    reader.error("metrics-namespace",
                 "must be letters, digits and '_', and not begin with a digit");
  if (!reader.section()) return;
  constexpr std::size_t family = 6;  // "label."
  for (const auto& [key, node] : *reader.section()) {
    if (!key.starts_with("label.")) continue;
    const IniValue& entry = node.data();
    const std::string name = entry.spelled.substr(family);
    if (!is_variable_name(name))
      reader.wrong(key, name, "cannot name a label (write letters, digits and '_')");
    else if (is_own_label(name))
      reader.wrong(key, name, "is a label that metrics have already (name it otherwise)");
    monitor.labels[name] = entry.text;
    reader.note("label." + name, entry.text, entry.place);
  }
}

}  // namespace rbit::config
