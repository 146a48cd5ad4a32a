#include "rbit/monitor/job_metrics.h"

#include <cmath>
#include <utility>

#include "rbit/base/text.h"
#include "rbit/core/job_facts.h"
#include "rbit/core/metric_rules.h"
#include "rbit/log/log.h"
#include "rbit/monitor/metric_table.h"

namespace rbit {

namespace {

constexpr std::size_t most_series = 100;    // of one name
constexpr std::size_t longest_value = 128;  // of a label, in bytes
constexpr std::size_t most_said = 100;      // names are a job's text: it may invent any number
constexpr std::size_t longest_name = 100;

bool is_counter(const std::string& name) {
  return name.ends_with("_total");
}

/// A page of metrics must stay one that can be read, whatever a job puts into it.
prometheus::Labels cleaned(const std::map<std::string, std::string>& labels) {
  prometheus::Labels clean;
  for (const auto& [label, value] : labels) clean[label] = text::one_line(value, longest_value);
  return clean;
}

}  // namespace

JobMetrics::JobMetrics(prometheus::Registry& registry, const std::string& name_space,
                       DeclaredMetrics declared)
    : registry_(registry),
      declared_(std::move(declared)),
      refused_(prometheus::BuildCounter()
                   .Name(name_of(metric::refused_changes, name_space))
                   .Help(metric::refused_changes.help)
                   .Register(registry)
                   .Add({})) {
  for (const auto& [runner, declarations] : declared_)
    for (const MetricDeclaration& declaration : declarations) declare(declaration);
}

void JobMetrics::declare(const MetricDeclaration& declaration) {
  if (metrics_.contains(declaration.name)) return;  // with the same labels
  Metric& metric = metrics_[declaration.name];
  if (is_counter(declaration.name))
    metric.counters = &prometheus::BuildCounter()
                           .Name(declaration.name)
                           .Help("Counted by jobs")
                           .Register(registry_);
  else
    metric.gauges =
        &prometheus::BuildGauge().Name(declaration.name).Help("Set by jobs").Register(registry_);
}

void JobMetrics::change(const Job& job, const MetricChange& change) {
  if (const auto done = apply(job, change); !done) refuse(job, change.name, done.error());
}

Result<void> JobMetrics::apply(const Job& job, const MetricChange& change) {
  const auto of_runner = declared_.find(job.runner);
  const bool declares = of_runner != declared_.end();
  if (auto allowed = check_metric(
          change, declares ? of_runner->second : std::vector<MetricDeclaration>(), job.runner);
      !allowed)
    return allowed;
  Metric& metric = metrics_.at(change.name);
  const prometheus::Labels labels = cleaned(change.labels);
  if (!metric.series.contains(labels) && metric.series.size() >= most_series)
    return Error{"",
                 "metric " + change.name + " has " + std::to_string(most_series) +
                     " sets of label values, and gets no more",
                 "name fewer things by its labels"};
  metric.series.insert(labels);  // a first value is finite, and so never refused below
  const bool adds = change.kind == MetricChange::Kind::add;
  double value = change.value;
  if (metric.counters != nullptr) {
    prometheus::Counter& counter = metric.counters->Add(labels);
    if (std::isfinite(counter.Value() + value)) {
      counter.Increment(value);
      return {};
    }
  } else {
    prometheus::Gauge& gauge = metric.gauges->Add(labels);
    if (adds) value += gauge.Value();
    if (std::isfinite(value)) {
      gauge.Set(value);
      return {};
    }
  }
  return Error{"", "metric " + change.name + " would be too large for a number", ""};
}

void JobMetrics::refuse(const Job& job, const std::string& name, const Error& why) {
  refused_.Increment();
  if (said_.size() > most_said) return;
  if (!said_.insert({job.runner, name.substr(0, longest_name), why.reason}).second) return;
  if (said_.size() > most_said)
    log::warning("more metrics of jobs are refused; which ones is not said any more");
  else
    log::warning(why.text() + "; job " + job.name() + " is the first that tried", facts_of(job));
}

}  // namespace rbit
