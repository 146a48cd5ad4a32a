#include "rbit/monitor/metric_table.h"

namespace rbit {

std::string_view to_string(MetricEntry::Type type) {
  if (type == MetricEntry::Type::counter) return "counter";
  return type == MetricEntry::Type::gauge ? "gauge" : "histogram";
}

std::string name_of(const MetricEntry& entry, const std::string& name_space) {
  return entry.is_standard ? entry.name : name_space + "_" + entry.name;
}

}  // namespace rbit
