#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/labels.h>
#include <prometheus/registry.h>

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "rbit/base/result.h"
#include "rbit/core/job.h"
#include "rbit/core/publication.h"
#include "rbit/core/runner_policy.h"

namespace rbit {

/// What jobs of each runner may change, by the runner's name.
using DeclaredMetrics = std::map<std::string, std::vector<MetricDeclaration>>;

/// The metrics that jobs change: those that their runners declare, and no more series of each than
/// a server can bear. Runners that declare the same name share it. What is refused is counted, and
/// said once a name. In memory alone, as all metrics. On the loop's thread.
class JobMetrics {
 public:
  /// `registry` must outlive this; its other names begin with `name_space` and '_', and those that
  /// are declared do not (config/metric_check.cpp).
  JobMetrics(prometheus::Registry& registry, const std::string& name_space,
             DeclaredMetrics declared);

  void change(const Job& job, const MetricChange& change);

 private:
  struct Metric {
    prometheus::Family<prometheus::Counter>* counters = nullptr;  // or
    prometheus::Family<prometheus::Gauge>* gauges = nullptr;
    std::set<prometheus::Labels> series;
  };
  void declare(const MetricDeclaration& declaration);
  Result<void> apply(const Job& job, const MetricChange& change);
  void refuse(const Job& job, const std::string& name, const Error& why);

  prometheus::Registry& registry_;
  DeclaredMetrics declared_;
  std::map<std::string, Metric> metrics_;  // by name
  prometheus::Counter& refused_;
  std::set<std::array<std::string, 3>> said_;  // runner, name, reason
};

}  // namespace rbit
