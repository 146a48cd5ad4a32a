#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rbit/core/job.h"
#include "rbit/core/outcome.h"
#include "rbit/core/status.h"
#include "rbit/monitor/job_metrics.h"
#include "rbit/monitor/metric_table.h"
#include "rbit/monitor/monitor_source.h"

namespace rbit {

/// The metrics of this rbit, those of the table, and those that its jobs change. The series are as
/// many as the configuration has queues, for each as many as there are outcomes and reason words,
/// whatever messages and jobs say, and a hundred of each declared name. On the loop's thread.
class Metrics {
 public:
  /// `labels` go to every series, also those of jobs. `queues` are counted from 0, before anything
  /// comes of them. Throws Fatal (78) if a name is none that Prometheus takes.
  Metrics(std::string name_space, std::map<std::string, std::string> labels,
          DeclaredMetrics declared = {}, const std::vector<std::string>& queues = {});

  void received() { received_->Increment(); }
  /// A message was no job: `reason` is undecodable, invalid, poison or no-route.
  void refused(const std::string& reason);
  /// A message joined its job.
  void joined(const std::string& queue) { of_queue(*joined_, queue).Increment(); }
  /// An attempt has ended, and its job with it if `verdict` is a final one.
  void processed(const Job& job, const Outcome& outcome, std::optional<Status> verdict);
  /// The broker lost the message for a job's next attempt.
  void lost(const std::string& queue) { of_queue(*lost_, queue).Increment(); }
  void connected();
  void connection_failed() { connection_fails_->Increment(); }
  /// A job changes a metric of its runner's.
  void change(const Job& job, const MetricChange& change) { jobs_.change(job, change); }

  /// Prometheus text, version 0.0.4. `now` in microseconds since 1970.
  std::string text(const MonitorNumbers& numbers, std::int64_t now) const;

  /// The `error` label: "" for done, a reason word without its number, or else the outcome.
  static std::string error_of(const Outcome& outcome);

 private:
  using Counters = prometheus::Family<prometheus::Counter>;
  using Histograms = prometheus::Family<prometheus::Histogram>;

  Counters& counters(const MetricEntry& entry);
  Histograms& histograms(const MetricEntry& entry);
  static prometheus::Counter& of_queue(Counters& counters, const std::string& queue) {
    return counters.Add({{"queue", queue}});
  }

  std::string name_space_;
  std::map<std::string, std::string> labels_;
  prometheus::Registry registry_;
  JobMetrics jobs_;
  prometheus::Counter* received_;
  prometheus::Counter* connection_fails_;
  prometheus::Counter* reconnects_;
  Counters *over_, *retries_, *joined_, *lost_, *refused_;
  Histograms *processed_, *durations_;
  bool was_connected_ = false;
  // Series that were made, for a job is to cost little.
  std::map<std::string, prometheus::Histogram*> by_error_;
  std::map<std::pair<std::string, std::string>, prometheus::Histogram*> by_queue_;  // and runner
  std::map<std::array<std::string, 4>, prometheus::Counter*> by_outcome_;
};

}  // namespace rbit
