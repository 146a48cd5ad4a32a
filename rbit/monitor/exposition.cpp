#include "rbit/monitor/exposition.h"

#include <utility>

#include "rbit/base/text.h"
#include "rbit/monitor/number_text.h"

namespace rbit {

namespace {

std::string escaped(std::string_view help) {
  return text::replaced(help, {{'\\', "\\\\"}, {'\n', "\\n"}});
}

std::string escaped_value(std::string_view value) {
  return text::replaced(value, {{'\\', "\\\\"}, {'\n', "\\n"}, {'"', "\\\""}});
}

std::string in_braces(const std::string& labels) {
  return labels.empty() ? "" : "{" + labels + "}";
}

void append(std::string& labels, const std::string& label, std::string_view value) {
  if (!labels.empty()) labels += ',';
  labels += label + "=\"" + escaped_value(value) + "\"";
}

}  // namespace

void Exposition::family(const std::string& name, std::string_view help, std::string_view type) {
  name_ = name;
  out_ += "# HELP " + name + " " + escaped(help) + "\n# TYPE " + name + " ";
  out_ += type;
  out_ += '\n';
}

Exposition::Labels Exposition::all_of(const Labels& own) const {
  Labels labels = own;
  labels.insert(everywhere_.begin(), everywhere_.end());
  return labels;
}

void Exposition::sample(const MetricEntry& entry, const std::vector<std::string>& values,
                        double value) {
  Labels own;
  for (std::size_t i = 0; i < values.size() && i < entry.labels.size(); ++i)
    own.emplace(entry.labels[i], values[i]);
  sample(own, value);
}

void Exposition::sample(const Labels& own, double value) {
  std::string labels;
  for (const auto& [label, text] : all_of(own)) append(labels, label, text);
  out_ += name_ + in_braces(labels) + " " + number_text(value) + "\n";
}

/// There may be thousands of them, each with twenty buckets: what stands around "le" is written
/// once.
void Exposition::histogram(const Labels& own, const std::vector<Bucket>& buckets, double count,
                           double sum) {
  std::string before, after, labels;
  for (const auto& [label, text] : all_of(own)) {
    append(label < "le" ? before : after, label, text);
    append(labels, label, text);
  }
  if (!before.empty()) before += ',';
  if (!after.empty()) after.insert(0, 1, ',');
  for (const Bucket& bucket : buckets) {
    out_ += name_;
    out_ += "_bucket{";
    out_ += before;
    out_ += "le=\"";
    out_ += number_text(bucket.up_to);
    out_ += '"';
    out_ += after;
    out_ += "} ";
    out_ += number_text(bucket.count);
    out_ += '\n';
  }
  out_ += name_ + "_count" + in_braces(labels) + " " + number_text(count) + "\n";
  out_ += name_ + "_sum" + in_braces(labels) + " " + number_text(sum) + "\n";
}

}  // namespace rbit
