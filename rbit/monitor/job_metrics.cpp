#include "rbit/monitor/job_metrics.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "rbit/base/text.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

constexpr std::size_t most_series = 100;    // of one name
constexpr std::size_t longest_value = 128;  // of a label, in bytes
constexpr std::size_t most_said = 100;      // names are a job's text: it may invent any number
constexpr std::size_t longest_shown_name = 100;

constexpr const char* too_large = "would be too large for a number";

bool is_counter(const std::string& name) {
  return name.ends_with("_total");
}

/// "orders_total(kind,shop)", as the key of its runner has it.
std::string declaration_of(const std::string& name, const std::set<std::string>& labels) {
  if (labels.empty()) return name;
  return name + "(" + text::join({labels.begin(), labels.end()}, ",") + ")";
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
                   .Name(name_space + "_job_metrics_refused_total")
                   .Help("Changes of metrics by jobs that were refused")
                   .Register(registry)
                   .Add({})) {
  for (const auto& [runner, declarations] : declared_)
    for (const MetricDeclaration& declaration : declarations) declare(declaration);
}

void JobMetrics::declare(const MetricDeclaration& declaration) {
  if (metrics_.contains(declaration.name)) return;  // with the same labels
  Metric& metric = metrics_[declaration.name];
  metric.labels = {declaration.labels.begin(), declaration.labels.end()};
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
  const std::string why = apply(job, change);
  if (!why.empty()) refuse(job, change.name, why);
}

/// Gives why it is refused; empty: it is done.
std::string JobMetrics::apply(const Job& job, const MetricChange& change) {
  const auto of_runner = declared_.find(job.runner);
  const bool is_declared =
      of_runner != declared_.end() &&
      std::any_of(of_runner->second.begin(), of_runner->second.end(),
                  [&](const MetricDeclaration& one) { return one.name == change.name; });
  if (!is_declared) return "is not declared (name it in metrics of [runner:" + job.runner + "])";
  Metric& metric = metrics_.at(change.name);
  const bool has_its_labels = std::equal(
      metric.labels.begin(), metric.labels.end(), change.labels.begin(), change.labels.end(),
      [](const std::string& name, const auto& given) { return name == given.first; });
  if (!has_its_labels)
    return "comes with other labels than those of " + declaration_of(change.name, metric.labels);
  if (!std::isfinite(change.value)) return "comes without a finite number";
  const bool adds = change.kind == MetricChange::Kind::add;
  if (metric.counters != nullptr && (!adds || change.value < 0))
    return "is a counter, to which something can be added and nothing else (a name without _total "
           "at its end is a gauge)";
  const prometheus::Labels labels = cleaned(change.labels);
  if (!metric.series.contains(labels) && metric.series.size() >= most_series)
    return "has " + std::to_string(most_series) +
           " sets of label values, and gets no more (name fewer things by its labels)";
  metric.series.insert(labels);
  if (metric.counters != nullptr) {
    prometheus::Counter& counter = metric.counters->Add(labels);
    if (!std::isfinite(counter.Value() + change.value)) return too_large;
    counter.Increment(change.value);
    return "";
  }
  prometheus::Gauge& gauge = metric.gauges->Add(labels);
  const double value = adds ? gauge.Value() + change.value : change.value;
  if (!std::isfinite(value)) return too_large;
  gauge.Set(value);
  return "";
}

void JobMetrics::refuse(const Job& job, const std::string& name, const std::string& why) {
  refused_.Increment();
  if (said_.size() > most_said) return;
  if (!said_.insert(job.runner + " " + name.substr(0, longest_shown_name) + " " + why).second)
    return;
  if (said_.size() > most_said)
    log::warning("more metrics of jobs are refused; which ones is not said any more");
  else
    log::warning("metric " + text::one_line(name, longest_shown_name) + " of runner " + job.runner +
                     " " + why + "; job " + job.name() + " is the first that tried",
                 {{"job", job.name()}, {"queue", job.queue}});
}

}  // namespace rbit
