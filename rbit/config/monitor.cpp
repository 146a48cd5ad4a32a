#include "rbit/base/loopback.h"
#include "rbit/base/text.h"
#include "rbit/config/section_reader.h"
#include "rbit/config/sections.h"
#include "rbit/config/values.h"

namespace rbit::config {

namespace {

/// A bare port is one of the loopback interface.
std::string read_listen(SectionReader& reader) {
  const std::string text = reader.text("listen");
  long long port = 0;
  if (text.empty()) return "";
  if (text::parse_number(text, 1, 65535, port)) return "127.0.0.1:" + text;
  const auto address = parse_host_port(text);
  if (!address || address->port == 0)
    reader.error("listen", "'" + text::one_line(text, 80) + "' is not HOST:PORT");
  else if (!is_loopback(address->host) && !reader.has("token-file"))  // RELIABILITY.md 7, rule 10
    reader.error("listen",
                 "'" + text::one_line(text, 80) +
                     "' is not on this machine alone (write token-file too, or 127.0.0.1:" +
                     std::to_string(address->port) + ")");
  return text;
}

}  // namespace

void read_monitor(const Ini& ini, Loaded& loaded) {
  SectionReader reader(ini.find("monitor"), "monitor", "monitor", loaded);
  MonitorSettings& monitor = loaded.settings.monitor;
  monitor.listen = read_listen(reader);
  monitor.token_file = reader.path("token-file");
  monitor.success_rate = reader.fraction("success-rate");
  monitor.health_window = reader.duration("health-window");
  if (monitor.health_window.count() == 0) reader.error("health-window", "must be more than 0");
  monitor.max_connection_fails = reader.number("max-connection-fails");
  monitor.metrics_namespace = reader.text("metrics-namespace");
  if (!is_variable_name(monitor.metrics_namespace))
    reader.error("metrics-namespace",
                 "must be letters, digits and '_', and not begin with a digit");
  if (!reader.section()) return;
  constexpr std::size_t family = 6;  // "label."
  for (const auto& entry : reader.section()->entries) {
    if (!entry.key.starts_with("label.")) continue;
    const std::string name = entry.spelled.substr(family);
    // Prometheus keeps the names that begin with __ and needs "le" for histograms.
    if (!is_variable_name(name) || name.starts_with("__") || name == "le" || name == "state" ||
        name == "error")
      reader.error(entry.key, "'" + text::one_line(name, 80) + "' cannot name a label");
    monitor.labels[name] = entry.value;
    reader.note("label." + name, entry.value, entry.place);
  }
}

}  // namespace rbit::config
