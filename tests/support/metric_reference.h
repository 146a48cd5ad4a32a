#pragma once

#include <string>

#include "rbit/base/text.h"
#include "rbit/monitor/metric_table.h"

namespace rbit::test {

/// What man/rbit-monitor.7 says of each metric, made from the table: the groff source of its
/// section METRICS from the first entry to the last. `metric_reference` prints it.
inline std::string man_metrics() {
  const auto groff = [](std::string_view text) {
    return text::replaced(text, {{'\\', "\\e"}, {'-', "\\-"}, {'~', "\\(ti"}, {'"', "\\(dq"}});
  };
  std::string out;
  for (const MetricEntry* entry : metric::all) {
    std::vector<std::string> labels;
    for (const char* label : entry->labels)
      if (label != nullptr) labels.emplace_back(label);
    out += ".TP\n.BR " + groff(name_of(*entry, "rbit")) + " \\~(" +
           std::string(to_string(entry->type));
    if (!labels.empty()) out += ";\\~" + text::join(labels, ",\\~");
    out += ")\n" + groff(entry->help) + ".\n";
  }
  return out;
}

}  // namespace rbit::test
