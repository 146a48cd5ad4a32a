#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <map>
#include <string>

#include "rbit/core/outcome.h"
#include "rbit/monitor/job_metrics.h"
#include "rbit/monitor/monitor_source.h"

namespace rbit {

/// The counters of this rbit, under BarterDude's names, and the metrics that its jobs change. The
/// series are as many as there are reason words, whatever messages and jobs say, and a hundred of
/// each declared name. On the loop's thread.
class Metrics {
 public:
  /// `labels` go to every series, also those of jobs. Throws Fatal (78) if a name is none that
  /// Prometheus takes.
  Metrics(std::string name_space, std::map<std::string, std::string> labels,
          DeclaredMetrics declared = {});

  void received();
  /// A message was no job: `reason` is undecodable, invalid or poison.
  void refused(const std::string& reason);
  /// An attempt has ended.
  void processed(const Outcome& outcome);
  void connection_failed();
  /// A job changes a metric of its runner's.
  void change(const Job& job, const MetricChange& change) { jobs_.change(job, change); }

  /// Prometheus text, version 0.0.4. `now` in microseconds since 1970.
  std::string text(const MonitorNumbers& numbers, std::int64_t now) const;

  /// The `error` label: "" for done, a reason word without its number, or else the outcome.
  static std::string error_of(const Outcome& outcome);

 private:
  std::string name_space_;
  std::map<std::string, std::string> labels_;
  prometheus::Registry registry_;
  JobMetrics jobs_;
  prometheus::Counter* received_;
  prometheus::Family<prometheus::Counter>* refused_;
  prometheus::Family<prometheus::Histogram>* processed_;
  prometheus::Counter* connection_fails_;
  std::map<std::string, prometheus::Histogram*> series_;  // by the `error` label
};

}  // namespace rbit
