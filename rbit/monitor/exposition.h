#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/monitor/metric_table.h"

namespace rbit {

/// Writes metrics as Python's client does: labels by name, "le" among them, numbers with a point.
/// prometheus-cpp's own writer has le="1", which old selectors do not match.
class Exposition {
 public:
  using Labels = std::map<std::string, std::string>;

  /// `everywhere`: labels of every series, but where one has such a label itself. Outlives this.
  Exposition(std::string name_space, const Labels& everywhere)
      : name_space_(std::move(name_space)), everywhere_(everywhere) {}

  /// What follows is of this metric.
  void family(const MetricEntry& entry) {
    family(name_of(entry, name_space_), entry.help, to_string(entry.type));
  }
  void family(const std::string& name, std::string_view help, std::string_view type);
  /// `values` are those of the entry's labels, in its order.
  void sample(const MetricEntry& entry, const std::vector<std::string>& values, double value);
  void sample(const Labels& own, double value);
  struct Bucket {
    double up_to;  // "le"
    double count;  // of all that are not above it
  };
  void histogram(const Labels& own, const std::vector<Bucket>& buckets, double count, double sum);
  /// One that has a single series.
  void single(const MetricEntry& entry, double value) {
    family(entry);
    sample({}, value);
  }

  std::string take() { return std::move(out_); }

 private:
  Labels all_of(const Labels& own) const;

  std::string name_space_;
  const Labels& everywhere_;
  std::string name_, out_;
};

}  // namespace rbit
