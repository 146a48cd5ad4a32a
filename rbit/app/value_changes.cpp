#include "rbit/app/value_changes.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "rbit/base/text.h"
#include "rbit/config/broker_url.h"

namespace rbit {

namespace {

using config::Value;

constexpr std::size_t longest_shown = 200;

/// Of [rbit]: what a running rbit takes.
const std::set<std::string>& taken_keys() {
  static const std::set<std::string> keys{"queue-mappings", "slots", "drain-timeout"};
  return keys;
}

/// The sections of Python's logging, too.
bool is_about_logging(const std::string& section) {
  static const std::set<std::string> whole{"log", "loggers", "handlers", "formatters"};
  if (whole.contains(section)) return true;
  const auto begins = [&](const char* with) { return section.starts_with(with); };
  return begins("logger_") || begins("handler_") || begins("formatter_");
}

bool is_taken_by_log(const Value& value) {
  return is_about_logging(value.section) && value.key != "keep-days" && value.key != "keep-size";
}

bool is_taken(const Value& value) {
  if (value.section.starts_with("runner:") || value.section.starts_with("route:")) return true;
  if (value.section == "events") return true;
  if (value.section == "rbit" || value.section == "coyote") return taken_keys().contains(value.key);
  return is_taken_by_log(value);
}

std::string shown(const Value& value) {
  if (value.secret) return "***";
  if (value.key == "url") return text::one_line(config::without_user(value.text), longest_shown);
  std::vector<std::string> lines;
  for (const std::string& line : text::split(value.text, '\n'))
    if (!text::trim(line).empty()) lines.emplace_back(text::trim(line));
  return text::one_line(text::join(lines, " "), longest_shown);
}

using Place = std::pair<std::string, std::string>;  // section and key
/// Those that are written; the environment stays as it was, and is read once.
std::map<Place, const Value*> by_place(const std::vector<Value>& values) {
  std::map<Place, const Value*> all;
  for (const Value& value : values)
    if (!value.place.file.empty() && value.place.file != config::environment_place)
      all[{value.section, value.key}] = &value;
  return all;
}

}  // namespace

std::string ValueChange::text() const {
  return "[" + text::one_line(section, longest_shown) + "] " + text::one_line(key, longest_shown) +
         ": " + from + " -> " + to;
}

std::vector<ValueChange> value_changes(const config::Loaded& in_force, const config::Loaded& next) {
  const char* const nothing = "(default)";
  std::vector<ValueChange> changes;
  auto old = by_place(in_force.values);
  const auto fresh = by_place(next.values);
  for (const Value& value : next.values) {
    const auto its = fresh.find({value.section, value.key});
    if (its == fresh.end() || its->second != &value) continue;
    const auto known = old.find({value.section, value.key});
    const Value* before = known == old.end() ? nullptr : known->second;
    if (before != nullptr) old.erase(known);
    if (before != nullptr && before->text == value.text && before->digest == value.digest) continue;
    const bool is_content = before != nullptr && before->text == value.text && !value.secret;
    changes.push_back({value.section, value.key, before == nullptr ? nothing : shown(*before),
                       is_content ? "the same file, with another content" : shown(value),
                       !is_taken(value), is_taken_by_log(value)});
  }
  for (const auto& [place, value] : old)
    changes.push_back({value->section, value->key, shown(*value), nothing, !is_taken(*value),
                       is_taken_by_log(*value)});
  return changes;
}

config::Settings settings_taken(const config::Settings& in_force, const config::Settings& next) {
  config::Settings taken = in_force;
  taken.slots = next.slots;
  taken.drain_timeout = next.drain_timeout;
  taken.runners = next.runners;
  taken.routes = next.routes;
  taken.event_key = next.event_key;
  taken.log = next.log;
  taken.log.keep_days = in_force.log.keep_days;
  taken.log.keep_size = in_force.log.keep_size;
  // What distribution, architecture, suites and format say of queues waits with them.
  taken.queues.clear();
  std::set<std::string> names;
  for (const auto& mapping : in_force.queues)
    if (mapping.legacy && names.insert(mapping.queue).second) taken.queues.push_back(mapping);
  for (const auto& mapping : next.queues)
    if (!mapping.legacy && names.insert(mapping.queue).second) taken.queues.push_back(mapping);
  return taken;
}

std::vector<Value> values_taken(const std::vector<Value>& in_force,
                                const std::vector<Value>& next) {
  std::vector<Value> taken;
  for (const Value& value : in_force)
    if (!value.place.file.empty() && !is_taken(value)) taken.push_back(value);
  for (const Value& value : next)
    if (!value.place.file.empty() && is_taken(value)) taken.push_back(value);
  return taken;
}

}  // namespace rbit
