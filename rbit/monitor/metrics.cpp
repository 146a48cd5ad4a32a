#include "rbit/monitor/metrics.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "rbit/base/result.h"
#include "rbit/base/text.h"
#include "rbit/monitor/number_text.h"

namespace rbit {

namespace {

using Labels = std::map<std::string, std::string>;

/// The ancestor's buckets, and longer ones: builds take hours.
const prometheus::Histogram::BucketBoundaries& buckets() {
  static const prometheus::Histogram::BucketBoundaries all{
      0.005, 0.01, 0.025, 0.05, 0.075, 0.1,   0.25,  0.5,    0.75,   1.0,   2.5,
      5.0,   7.5,  10.0,  30.0, 60.0,  300.0, 600.0, 1800.0, 3600.0, 7200.0};
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

std::string escaped(std::string_view help) {
  return text::replaced(help, {{'\\', "\\\\"}, {'\n', "\\n"}});
}

std::string escaped_label(std::string_view value) {
  return text::replaced(value, {{'\\', "\\\\"}, {'\n', "\\n"}, {'"', "\\\""}});
}

/// Writes samples as Python's client does: labels by name, "le" among them, numbers with a point.
/// prometheus-cpp's own writer has le="1", which old selectors do not match.
class Writer {
 public:
  explicit Writer(const Labels& everywhere) : everywhere_(everywhere) {}

  void family(const std::string& name, const std::string& help, const char* type) {
    name_ = name;
    out_ += "# HELP " + name + " " + escaped(help) + "\n# TYPE " + name + " " + type + "\n";
  }
  void sample(const char* suffix, const Labels& own, double value) {
    Labels labels = everywhere_;
    for (const auto& [label, text] : own) labels[label] = text;
    out_ += name_;
    out_ += suffix;
    char before = '{';
    for (const auto& [label, text] : labels) {
      out_ += before;
      out_ += label + "=\"" + escaped_label(text) + "\"";
      before = ',';
    }
    if (before == ',') out_ += '}';
    out_ += " " + number_text(value) + "\n";
  }
  void gauge(const std::string& name, const std::string& help, double value) {
    family(name, help, "gauge");
    sample("", {}, value);
  }
  std::string take() { return std::move(out_); }

 private:
  const Labels& everywhere_;
  std::string name_, out_;
};

Labels labels_of(const prometheus::ClientMetric& metric) {
  Labels labels;
  for (const auto& label : metric.label) labels[label.name] = label.value;
  return labels;
}

const char* name_of(prometheus::MetricType type) {
  if (type == prometheus::MetricType::Counter) return "counter";
  return type == prometheus::MetricType::Gauge ? "gauge" : "histogram";
}

void write_histogram(Writer& out, const prometheus::ClientMetric& metric) {
  Labels labels = labels_of(metric);
  for (const auto& bucket : metric.histogram.bucket) {
    labels["le"] = number_text(bucket.upper_bound);
    out.sample("_bucket", labels, static_cast<double>(bucket.cumulative_count));
  }
  labels.erase("le");
  out.sample("_count", labels, static_cast<double>(metric.histogram.sample_count));
  out.sample("_sum", labels, metric.histogram.sample_sum);
}

}  // namespace

Metrics::Metrics(std::string name_space, std::map<std::string, std::string> labels,
                 DeclaredMetrics declared)
    : name_space_(checked(std::move(name_space))),
      labels_(std::move(labels)),
      jobs_(registry_, name_space_, std::move(declared)) {
  for (const auto& [label, value] : labels_) {
    const bool ours = text::is_one_of(label, {"state", "error", "le", "target", "place", "reason"});
    if (!is_name(label) || ours || label.starts_with("__"))
      throw Fatal(ExitCode::config,
                  Error{"[monitor] label." + label,
                        ours ? "rbit sets this label itself" : "no label name for Prometheus",
                        "letters, digits and _"});
  }
  received_ = &prometheus::BuildCounter()
                   .Name(name_space_ + "_received_number_before_consume_messages_total")
                   .Help("Messages that worker received from queue(s)")
                   .Register(registry_)
                   .Add({});
  refused_ = &prometheus::BuildCounter()
                  .Name(name_space_ + "_refused_messages_total")
                  .Help("Messages that were no job, by the reason")
                  .Register(registry_);
  processed_ = &prometheus::BuildHistogram()
                    .Name(name_space_ + "_processing_message_seconds")
                    .Help("Histogram for time and counter when function was processing a message")
                    .Register(registry_);
  connection_fails_ = &prometheus::BuildCounter()
                           .Name(name_space_ + "_connection_fail_errors_total")
                           .Help("Number of times failed to connect to the AMQP broker")
                           .Register(registry_)
                           .Add({});
}

void Metrics::received() {
  received_->Increment();
}

void Metrics::refused(const std::string& reason) {
  const bool is_word = text::is_one_of(reason, {"undecodable", "invalid", "poison"});
  refused_->Add({{"reason", is_word ? reason : "other"}}).Increment();
}

void Metrics::connection_failed() {
  connection_fails_->Increment();
}

std::string Metrics::error_of(const Outcome& outcome) {
  if (outcome.kind == Outcome::Kind::done) return "";
  const std::string word = outcome.reason.substr(0, outcome.reason.find(' '));
  if (text::is_one_of(word, {"exit", "signal", "timeout", "idle", "output", "memory", "not-started",
                             "plugin-crash", "interrupted", "cancelled", "expired", "undecodable",
                             "invalid", "publish", "hook", "artifact", "poison"}))
    return word;
  return std::string(to_string(outcome.kind));  // a runner's own text is no label
}

void Metrics::processed(const Outcome& outcome) {
  const std::string error = error_of(outcome);
  auto& series = series_[error];
  if (series == nullptr)
    series = &processed_->Add({{"state", error.empty() ? "success" : "fail"}, {"error", error}},
                              buckets());
  series->Observe(static_cast<double>(outcome.wall_micros) / 1e6);
}

std::string Metrics::text(const MonitorNumbers& numbers, std::int64_t now) const {
  Writer out(labels_);
  for (const auto& family : registry_.Collect()) {
    out.family(family.name, family.help, name_of(family.type));
    for (const auto& metric : family.metric) {
      if (family.type == prometheus::MetricType::Counter)
        out.sample("", labels_of(metric), metric.counter.value);
      else if (family.type == prometheus::MetricType::Gauge)
        out.sample("", labels_of(metric), metric.gauge.value);
      else
        write_histogram(out, metric);
    }
  }
  out.gauge(name_space_ + "_broker_connected", "1 while there is a connection to the broker",
            numbers.connected ? 1 : 0);
  out.gauge(name_space_ + "_broker_blocked",
            "1 while the broker takes no messages (connection.blocked) and ours wait",
            numbers.blocked ? 1 : 0);
  out.gauge(name_space_ + "_jobs_running", "Jobs that run now", numbers.running);
  out.gauge(name_space_ + "_slots", "Jobs that may run at once", numbers.slots);
  out.gauge(name_space_ + "_messages_ahead", "Messages that wait here for a slot", numbers.ahead);
  out.gauge(name_space_ + "_intake_paused",
            "1 while nothing is taken from any queue, for the journal or the disk",
            numbers.paused.empty() ? 0 : 1);
  if (!numbers.disks.empty()) {
    out.family(name_space_ + "_disk_free_bytes", "Free space where rbit writes", "gauge");
    for (const auto& disk : numbers.disks)
      out.sample("", {{"place", disk.name}}, static_cast<double>(disk.free));
  }
  out.gauge(name_space_ + "_outbox_reports", "Reports that wait to be sent",
            static_cast<double>(numbers.reports_waiting));
  const auto each = [&](const std::string& name, const char* help, const char* type,
                        auto value_of) {
    if (numbers.targets.empty()) return;
    out.family(name_space_ + name, help, type);
    for (const auto& target : numbers.targets)
      out.sample("", {{"target", target.target}}, static_cast<double>(value_of(target)));
  };
  each("_outbox_oldest_seconds", "Age of the oldest report that waits; 0 if none does", "gauge",
       [now](const TargetView& target) {
         return target.oldest
                    ? static_cast<double>(std::max<std::int64_t>(0, now - *target.oldest)) / 1e6
                    : 0.0;
       });
  each("_outbox_up", "1 while the target takes reports", "gauge",
       [](const TargetView& target) { return target.state == "up" ? 1 : 0; });
  each("_outbox_sent_total", "Reports the target took", "counter",
       [](const TargetView& target) { return target.sent; });
  each("_outbox_dropped_total", "Reports that were given up", "counter",
       [](const TargetView& target) { return target.dropped; });
  each("_outbox_failed_tries_total", "Tries that failed and are made again", "counter",
       [](const TargetView& target) { return target.failed; });
  return out.take();
}

}  // namespace rbit
