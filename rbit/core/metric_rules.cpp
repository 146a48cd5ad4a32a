#include "rbit/core/metric_rules.h"

#include <algorithm>
#include <cmath>

#include "rbit/base/text.h"

namespace rbit {

Result<void> check_metric(const MetricChange& change,
                          const std::vector<MetricDeclaration>& declared,
                          const std::string& runner) {
  const auto found = std::find_if(declared.begin(), declared.end(),
                                  [&](const auto& one) { return one.name == change.name; });
  const std::string what = "metric " + text::one_line(change.name, 100);
  const std::string section = "metrics in [runner:" + runner + "]";
  if (found == declared.end()) return Error{"", what + " is not declared", "add it to " + section};
  std::vector<std::string> wanted = found->labels;
  std::sort(wanted.begin(), wanted.end());
  const bool has_them =
      std::equal(wanted.begin(), wanted.end(), change.labels.begin(), change.labels.end(),
                 [](const std::string& name, const auto& given) { return name == given.first; });
  if (!has_them)
    return Error{
        "",
        what + (wanted.empty() ? " has no labels" : " has the labels " + text::join(wanted, ", ")),
        "give it exactly these, or change " + section};
  if (!std::isfinite(change.value)) return Error{"", what + " takes finite numbers", ""};
  if (change.name.ends_with("_total") &&
      (change.kind == MetricChange::Kind::set || change.value < 0))
    return Error{"", what + " is a counter, to which 0 or more can be added", ""};
  return {};
}

bool is_process_metric(std::string_view name) {
  return text::is_one_of(name, {"process_cpu_seconds_total", "process_open_fds", "process_max_fds",
                                "process_virtual_memory_bytes", "process_resident_memory_bytes",
                                "process_start_time_seconds"});
}

}  // namespace rbit
