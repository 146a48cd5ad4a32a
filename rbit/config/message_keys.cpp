#include "rbit/config/message_keys.h"

#include <algorithm>

#include "rbit/base/names.h"
#include "rbit/base/text.h"
#include "rbit/config/sections.h"

namespace rbit::config {

namespace {

constexpr std::string_view name_marks = "_";

bool is_metric_name(std::string_view name) {
  return !name.empty() && name.size() <= 100 && !(name[0] >= '0' && name[0] <= '9') &&
         text::has_only(name, name_marks);
}

/// "NAME" or "NAME(LABEL,LABEL)".
void read_metric(SectionReader& reader, const std::string& item,
                 std::vector<MetricDeclaration>& metrics) {
  const std::size_t open = item.find('(');
  MetricDeclaration metric;
  metric.name = item.substr(0, open);
  bool is_well = is_metric_name(metric.name) && (open == std::string::npos || item.back() == ')');
  if (is_well && open != std::string::npos)
    metric.labels =
        text::split(std::string_view(item).substr(open + 1, item.size() - open - 2), ',');
  for (const std::string& label : metric.labels)
    is_well = is_well && is_metric_name(label) && !label.starts_with("__") &&
              std::count(metric.labels.begin(), metric.labels.end(), label) == 1;
  if (!is_well)
    return reader.wrong("metrics", item,
                        "is no metric (write NAME or NAME(LABEL,LABEL), of letters, digits and _)");
  const bool is_there = std::any_of(metrics.begin(), metrics.end(),
                                    [&](const auto& one) { return one.name == metric.name; });
  if (is_there) return reader.wrong("metrics", metric.name, "is there twice");
  metrics.push_back(std::move(metric));
}

void read_may_publish(SectionReader& reader, RunnerPolicy& policy) {
  for (const std::string& item : reader.list("may-publish")) {
    const std::size_t colon = item.find(':');
    if (colon == std::string::npos || item == ":") {
      reader.wrong("may-publish", item, "is not EXCHANGE:KEY (of a queue, write :QUEUE)");
      continue;
    }
    Destination to{item.substr(0, colon), item.substr(colon + 1)};
    if (!to.exchange.empty()) reader.check_name("may-publish", to.exchange);
    policy.may_publish.push_back(std::move(to));
  }
}

void read_on_done_publish(SectionReader& reader, RunnerPolicy& policy) {
  const std::string value = reader.text("on-done-publish");
  const std::vector<std::string> words = text::split_blanks(value);
  if (words.empty()) return;
  if (words.size() > 2) {
    reader.wrong("on-done-publish", value, "is neither EXCHANGE KEY nor the name of a queue");
    return;
  }
  policy.on_done_publish = Destination{words.size() == 2 ? words[0] : "", words.back()};
  for (const std::string& word : words) reader.check_name("on-done-publish", word);
}

}  // namespace

void read_message_keys(SectionReader& reader, RunnerPolicy& policy) {
  policy.message =
      value_in(message_kind_names, reader.choice("message")).value_or(MessageKind::pybit);
  reader.read("schema", policy.schema);
  if (!policy.schema.empty() && policy.message == MessageKind::raw)
    reader.error("schema", "is of JSON, and message = raw takes any bytes (write message = json)");
  static constexpr Named<OnInvalid> words[] = {
      {OnInvalid::dead, "dead"}, {OnInvalid::drop, "drop"}, {OnInvalid::retry, "retry"}};
  policy.on_invalid = value_in(words, reader.choice("on-invalid")).value_or(OnInvalid::dead);
  read_may_publish(reader, policy);
  reader.read("reply", policy.reply);
  read_on_done_publish(reader, policy);
  for (const std::string& item : text::split_blanks(reader.text("metrics")))
    read_metric(reader, item, policy.metrics);
}

}  // namespace rbit::config
