#include <map>
#include <set>
#include <string>

#include "rbit/config/sections.h"
#include "rbit/core/metric_rules.h"

namespace rbit::config {

namespace {

/// The metrics of all runners are served on one page, beside rbit's own.
class MetricCheck {
 public:
  explicit MetricCheck(Loaded& loaded) : loaded_(loaded) {}

  void check() {
    const MonitorSettings& monitor = loaded_.settings.monitor;
    for (const auto& [name, runner] : loaded_.settings.runners) {
      if (runner.policy.metrics.empty()) continue;
      const std::string section = "runner:" + name;
      const Place place = place_of(section);
      for (const MetricDeclaration& metric : runner.policy.metrics) check(section, place, metric);
      if (monitor.listen.empty() || monitor.metrics_path.empty())
        loaded_.doubt(place,
                      "[" + section + "] metrics: nobody can read them (set [monitor] listen)");
    }
  }

 private:
  using Labels = std::set<std::string>;
  struct Known {
    std::string section;
    Place place;
    Labels labels;
  };

  Place place_of(const std::string& section) const {
    for (const auto& value : loaded_.values)
      if (value.section == section && value.key == "metrics") return value.place;
    return {loaded_.settings.file, 0};
  }

  void check(const std::string& section, const Place& place, const MetricDeclaration& metric) {
    const std::string what = "[" + section + "] metrics: " + metric.name;
    const MonitorSettings& monitor = loaded_.settings.monitor;
    if (is_process_metric(metric.name))
      loaded_.error(place, what + " is one of rbit's own (name it otherwise)");
    if (metric.name.starts_with(monitor.metrics_namespace + "_"))
      loaded_.error(place, what +
                               " begins as rbit's own metrics do (name it otherwise, or set "
                               "[monitor] metrics-namespace)");
    for (const std::string& label : metric.labels)
      if (monitor.labels.contains(label))
        loaded_.error(place, what + ": [monitor] label." + label +
                                 " gives every metric this label (leave one of them out)");
    const Labels labels(metric.labels.begin(), metric.labels.end());
    const auto [known, is_new] = known_.try_emplace(metric.name, Known{section, place, labels});
    if (is_new || known->second.labels == labels) return;
    loaded_.error(place, what + " has other labels than in [" + known->second.section + "], " +
                             known->second.place.seen_from(place) +
                             " (write the same ones, or name it otherwise)");
  }

  Loaded& loaded_;
  std::map<std::string, Known> known_;  // by name
};

}  // namespace

void check_metrics(Loaded& loaded) {
  MetricCheck(loaded).check();
}

}  // namespace rbit::config
