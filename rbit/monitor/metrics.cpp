#include "rbit/monitor/metrics.h"

#include <algorithm>
#include <string_view>

#include "rbit/base/result.h"
#include "rbit/base/text.h"
#include "rbit/core/monitor_names.h"
#include "rbit/monitor/exposition.h"
#include "rbit/monitor/process_figures.h"
#include "rbit/monitor/ready.h"

namespace rbit {

namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;

/// The ancestor's, and longer ones: builds take hours.
const Buckets& processing_buckets() {
  static const Buckets all{0.005, 0.01, 0.025, 0.05,  0.075,  0.1,    0.25,
                           0.5,   0.75, 1.0,   2.5,   5.0,    7.5,    10.0,
                           30.0,  60.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0};
  return all;
}

/// From a call of a warm plugin to the build of a distribution; few, for each queue has them.
const Buckets& duration_buckets() {
  static const Buckets all{0.00001, 0.0001, 0.001, 0.005, 0.025,  0.1,     0.5,     1.0,    5.0,
                           15.0,    60.0,   300.0, 900.0, 3600.0, 10800.0, 21600.0, 43200.0};
  return all;
}

bool is_name(std::string_view text) {
  if (text.empty() || (text.front() >= '0' && text.front() <= '9')) return false;
  return text::has_only(text, "_");
}

std::string checked(std::string name_space) {
  if (!is_name(name_space))
    throw Fatal(ExitCode::config,
                Error{"[monitor] metrics-namespace",
                      "'" + name_space + "' is no name for Prometheus", "letters, digits and _"});
  return name_space;
}

/// The reason word of an outcome without its number, or "": a runner's own text is no label.
std::string reason_word(const Outcome& outcome) {
  if (outcome.kind == Outcome::Kind::done) return "";
  const std::string word = outcome.reason.substr(0, outcome.reason.find(' '));
  const bool is_ours =
      text::is_one_of(word, {"exit", "signal", "timeout", "idle", "output", "memory", "not-started",
                             "plugin-crash", "interrupted", "cancelled", "expired", "undecodable",
                             "invalid", "publish", "hook", "artifact", "poison"});
  return is_ours ? word : "";
}

bool has_run(const Outcome& outcome) {
  return outcome.kind != Outcome::Kind::not_started && outcome.wall_micros > 0;
}

Exposition::Labels labels_of(const prometheus::ClientMetric& metric) {
  Exposition::Labels labels;
  for (const auto& label : metric.label) labels[label.name] = label.value;
  return labels;
}

std::string_view name_of(prometheus::MetricType type) {
  if (type == prometheus::MetricType::Counter) return to_string(MetricEntry::Type::counter);
  return to_string(type == prometheus::MetricType::Gauge ? MetricEntry::Type::gauge
                                                         : MetricEntry::Type::histogram);
}

void write(Exposition& out, const prometheus::MetricFamily& family) {
  for (const auto& metric : family.metric) {
    if (family.type == prometheus::MetricType::Counter) {
      out.sample(labels_of(metric), metric.counter.value);
    } else if (family.type == prometheus::MetricType::Gauge) {
      out.sample(labels_of(metric), metric.gauge.value);
    } else {
      std::vector<Exposition::Bucket> buckets;
      for (const auto& bucket : metric.histogram.bucket)
        buckets.push_back({bucket.upper_bound, static_cast<double>(bucket.cumulative_count)});
      out.histogram(labels_of(metric), buckets, static_cast<double>(metric.histogram.sample_count),
                    metric.histogram.sample_sum);
    }
  }
}

void write_process(Exposition& out) {
  const ProcessFigures figures = process_figures();
  const auto one = [&out](const MetricEntry& entry, const auto& value) {
    if (value) out.single(entry, static_cast<double>(*value));
  };
  one(metric::cpu, figures.cpu);
  one(metric::resident_memory, figures.resident);
  one(metric::virtual_memory, figures.address_space);
  one(metric::open_descriptors, figures.descriptors);
  one(metric::most_descriptors, figures.most_descriptors);
  one(metric::start_time, figures.start);
}

void write_queues(Exposition& out, const std::vector<QueueNumbers>& queues) {
  const auto each = [&](const MetricEntry& entry, const auto& value_of) {
    out.family(entry);
    for (const QueueNumbers& queue : queues)
      if (const std::optional<std::int64_t> value = value_of(queue))
        out.sample(entry, {queue.queue}, static_cast<double>(*value));
  };
  each(metric::queue_waiting, [](const QueueNumbers& queue) { return queue.count.waiting; });
  each(metric::queue_running,
       [](const QueueNumbers& queue) { return std::optional<std::int64_t>(queue.running); });
  each(metric::queue_due, [](const QueueNumbers& queue) { return queue.count.due; });
  each(metric::queue_dead, [](const QueueNumbers& queue) { return queue.count.dead; });
  each(metric::queue_read, [](const QueueNumbers& queue) {
    return std::optional<std::int64_t>(queue.unread.empty() ? 1 : 0);
  });
  each(metric::queue_paused, [](const QueueNumbers& queue) {
    return std::optional<std::int64_t>(queue.is_paused ? 1 : 0);
  });
}

void write_outbox(Exposition& out, const MonitorNumbers& numbers, std::int64_t now) {
  out.single(metric::outbox_reports, static_cast<double>(numbers.reports_waiting));
  const auto each = [&](const MetricEntry& entry, const auto& value_of) {
    out.family(entry);
    for (const TargetView& target : numbers.targets)
      out.sample(entry, {target.target}, static_cast<double>(value_of(target)));
  };
  each(metric::outbox_oldest, [now](const TargetView& target) {
    return target.oldest
               ? static_cast<double>(std::max<std::int64_t>(0, now - *target.oldest)) / 1e6
               : 0.0;
  });
  each(metric::outbox_up, [](const TargetView& target) { return target.state == "up" ? 1 : 0; });
  each(metric::outbox_sent, [](const TargetView& target) { return target.sent; });
  each(metric::outbox_dropped, [](const TargetView& target) { return target.dropped; });
  each(metric::outbox_failed, [](const TargetView& target) { return target.failed; });
}

void write_disks(Exposition& out, const std::vector<DiskView>& disks) {
  out.family(metric::disk_free);
  for (const DiskView& disk : disks)
    out.sample(metric::disk_free, {disk.name}, static_cast<double>(disk.free));
  out.family(metric::disk_size);
  for (const DiskView& disk : disks)
    out.sample(metric::disk_size, {disk.name}, static_cast<double>(disk.total));
}

}  // namespace

Metrics::Metrics(std::string name_space, std::map<std::string, std::string> labels,
                 DeclaredMetrics declared, const std::vector<std::string>& queues)
    : name_space_(checked(std::move(name_space))),
      labels_(std::move(labels)),
      jobs_(registry_, name_space_, std::move(declared)),
      received_(&counters(metric::received).Add({})),
      connection_fails_(&counters(metric::connection_fails).Add({})),
      reconnects_(&counters(metric::reconnects).Add({})),
      over_(&counters(metric::jobs)),
      retries_(&counters(metric::retries)),
      joined_(&counters(metric::joined)),
      lost_(&counters(metric::lost)),
      refused_(&counters(metric::refused)),
      processed_(&histograms(metric::processing)),
      durations_(&histograms(metric::durations)) {
  for (const auto& [label, value] : labels_) {
    const bool ours = is_own_label(label);
    if (!is_name(label) || ours)
      throw Fatal(ExitCode::config,
                  Error{"[monitor] label." + label,
                        ours ? "rbit sets this label itself" : "no label name for Prometheus",
                        "letters, digits and _"});
  }
  for (const std::string& queue : queues) {
    of_queue(*joined_, queue);
    of_queue(*lost_, queue);
  }
}

Metrics::Counters& Metrics::counters(const MetricEntry& entry) {
  return prometheus::BuildCounter()
      .Name(rbit::name_of(entry, name_space_))
      .Help(entry.help)
      .Register(registry_);
}

Metrics::Histograms& Metrics::histograms(const MetricEntry& entry) {
  return prometheus::BuildHistogram()
      .Name(rbit::name_of(entry, name_space_))
      .Help(entry.help)
      .Register(registry_);
}

void Metrics::refused(const std::string& reason) {
  const bool is_word = text::is_one_of(reason, {"undecodable", "invalid", "poison", "no-route"});
  refused_->Add({{"reason", is_word ? reason : "other"}}).Increment();
}

void Metrics::connected() {
  if (std::exchange(was_connected_, true)) reconnects_->Increment();
}

std::string Metrics::error_of(const Outcome& outcome) {
  if (outcome.kind == Outcome::Kind::done) return "";
  const std::string word = reason_word(outcome);
  return word.empty() ? std::string(to_string(outcome.kind)) : word;
}

void Metrics::processed(const Job& job, const Outcome& outcome, std::optional<Status> verdict) {
  const double seconds = static_cast<double>(outcome.wall_micros) / 1e6;
  const std::string error = error_of(outcome);
  auto& series = by_error_[error];
  if (series == nullptr)
    series = &processed_->Add({{"state", error.empty() ? "success" : "fail"}, {"error", error}},
                              processing_buckets());
  series->Observe(seconds);
  if (has_run(outcome)) {
    auto& durations = by_queue_[{job.queue, job.runner}];
    if (durations == nullptr)
      durations =
          &durations_->Add({{"queue", job.queue}, {"runner", job.runner}}, duration_buckets());
    durations->Observe(seconds);
  }
  if (verdict == Status::blocked)
    retries_->Add({{"queue", job.queue}, {"runner", job.runner}, {"reason", reason_word(outcome)}})
        .Increment();
  if (!verdict || !is_final(*verdict)) return;
  const std::string kind(to_string(outcome.kind)), reason = reason_word(outcome);
  auto& over = by_outcome_[{job.queue, job.runner, kind, reason}];
  if (over == nullptr)
    over = &over_->Add(
        {{"queue", job.queue}, {"runner", job.runner}, {"outcome", kind}, {"reason", reason}});
  over->Increment();
}

std::string Metrics::text(const MonitorNumbers& numbers, std::int64_t now) const {
  Exposition out(name_space_, labels_);
  std::map<std::string, prometheus::MetricFamily> collected;
  for (auto& family : registry_.Collect()) collected.emplace(family.name, std::move(family));
  // Ours first, in the order of the table, also those that have no series yet: who looks for a
  // name finds it.
  for (const MetricEntry* entry :
       {&metric::received, &metric::processing, &metric::connection_fails, &metric::jobs,
        &metric::durations, &metric::retries, &metric::joined, &metric::lost, &metric::refused,
        &metric::refused_changes, &metric::reconnects}) {
    out.family(*entry);
    if (const auto made = collected.extract(rbit::name_of(*entry, name_space_)))
      write(out, made.mapped());
  }
  write_queues(out, numbers.queues);
  out.single(metric::connected, numbers.connected ? 1 : 0);
  out.single(metric::blocked, numbers.blocked ? 1 : 0);
  out.single(metric::running, numbers.running);
  out.single(metric::slots, numbers.slots);
  out.single(metric::ahead, numbers.ahead);
  out.single(metric::intake_paused, numbers.paused.empty() ? 0 : 1);
  out.single(metric::ready, is_ready(numbers) ? 1 : 0);
  write_disks(out, numbers.disks);
  write_outbox(out, numbers, now);
  out.family(metric::build_info);
  out.sample(metric::build_info, {RBIT_VERSION}, 1);
  write_process(out);
  for (const auto& [name, family] : collected) {
    out.family(family.name, family.help, name_of(family.type));
    write(out, family);
  }
  return out.take();
}

}  // namespace rbit
