#include <algorithm>

#include "rbit/base/text.h"
#include "rbit/config/section_reader.h"
#include "rbit/config/sections.h"

namespace rbit::config {

namespace {

constexpr const char* legacy_keys[] = {"distribution", "architecture", "suites", "format"};

std::string quoted(std::string_view text) {
  return "'" + text::one_line(text, 300) + "'";
}

/// Why a queue of that name cannot be a work queue, and the cure; empty: it can.
std::string reserved(std::string_view queue) {
  if (queue.starts_with("rbit.dead."))
    return " is where rbit keeps dead letters (name the work queue, and bring them back with rbit "
           "dead replay)";
  if (queue.starts_with("rbit.retry."))
    return " is where jobs of rbit's wait for their next attempt (name the work queue, they come "
           "back to it)";
  if (queue.starts_with("amq."))
    return " has a name that the broker keeps for itself (name one that does not begin with amq.)";
  return "";
}

/// "a : b" as "a:b", so that white space separates items and nothing else.
std::string tightened(std::string_view line) {
  std::string out;
  for (const auto& word : text::split_blanks(line)) {
    if (!out.empty() && out.back() != ':' && word.front() != ':') out += ' ';
    out += word;
  }
  return out;
}

class Queues {
 public:
  Queues(const Ini* section, Loaded& loaded)
      : reader_(section, "rbit", loaded.settings.coyote ? "coyote" : "rbit", loaded),
        settings_(loaded.settings) {
    for (const auto& [name, runner] : settings_.runners) runners_.push_back(name);
  }

  void read() {
    if (!reader_.section()) return;  // said already
    const bool any = read_mappings();
    read_legacy(any);
    std::stable_sort(settings_.queues.begin(), settings_.queues.end(),
                     [this](const auto& a, const auto& b) {
                       return reader_.loaded().is_before(a.place, b.place);
                     });
    if (settings_.queues.empty() && !mistaken_)
      reader_.error("",
                    some_unread_ ? "no queue is left to read (write a [runner:...] section for one)"
                                 : "names no queue (write queue-mappings = QUEUE:RUNNER)",
                    reader_.place());
  }

 private:
  QueueMapping* mapping_of(const std::string& queue) {
    for (auto& mapping : settings_.queues)
      if (mapping.queue == queue) return &mapping;
    return nullptr;
  }

  void mistake(const char* key, const std::string& text, const Place& place) {
    reader_.error(key, text, place);
    mistaken_ = true;
  }

  /// True if the key is there.
  bool read_mappings() {
    const IniValue* entry = reader_.entry("queue-mappings");
    reader_.text("queue-mappings");
    if (!entry) return false;
    const auto lines = text::split(entry->text, '\n');
    for (std::size_t i = 0; i < lines.size(); ++i)
      for (const auto& item : text::split(tightened(lines[i]), ' '))
        if (!item.empty()) read_mapping(item, entry->lines[i]);
    return true;
  }

  void read_mapping(const std::string& item, const Place& place) {
    const auto colon = item.rfind(':');
    std::string queue = item.substr(0, colon);
    const bool is_route = colon != std::string::npos && queue.ends_with(":route");
    if (is_route) queue.resize(queue.size() - std::string_view(":route").size());
    const std::string runner = colon == std::string::npos ? "" : item.substr(colon + 1);
    if (queue.empty() || runner.empty()) {
      const bool no_queue = queue.empty();
      mistake("queue-mappings",
              quoted(no_queue ? item : queue) + " names no " + (no_queue ? "queue" : "runner") +
                  " (write queue:runner)",
              place);
      return;
    }
    if (const QueueMapping* first = mapping_of(queue)) {
      mistake("queue-mappings",
              quoted(queue) + " is named twice (first at " + first->place.seen_from(place) + ")",
              place);
      return;
    }
    if (is_refused("queue-mappings", queue, place)) return;
    if (is_route) return read_route(queue, runner, place);
    if (!settings_.runners.contains(runner)) {
      const auto near = text::did_you_mean(runner, runners_);
      mistake("queue-mappings",
              "no [runner:" + text::one_line(runner, 300) + "]" +
                  (near ? " (did you mean [runner:" + *near + "]?)" : ""),
              place);
    }
    settings_.queues.push_back({{runner, nullptr}, queue, place, false, ""});
  }

  void read_route(const std::string& queue, const std::string& name, const Place& place) {
    const auto found = settings_.routes.find(name);
    if (found != settings_.routes.end()) {
      if (found->second.route)  // else it is said already
        settings_.queues.push_back({{"", found->second.route}, queue, place, false, ""});
      mistaken_ = mistaken_ || !found->second.route;
      return;
    }
    std::vector<std::string> known;
    for (const auto& [route, its] : settings_.routes) known.push_back(route);
    const auto near = text::did_you_mean(name, known);
    mistake("queue-mappings",
            "no [route:" + text::one_line(name, 300) + "]" +
                (near ? " (did you mean [route:" + *near + "]?)" : " (write that section)"),
            place);
  }

  bool is_refused(const char* key, const std::string& queue, const Place& place) {
    const std::string why = queue.size() > longest_name
                                ? " is too long for a queue (at most 220 bytes)"
                                : reserved(queue);
    if (!why.empty()) mistake(key, quoted(queue) + why, place);
    return !why.empty();
  }

  void read_legacy(bool mapped) {
    std::vector<std::string> missing;
    for (const char* key : legacy_keys) {
      reader_.text(key);
      if (!reader_.has(key) || reader_.entry(key)->text.empty()) missing.emplace_back(key);
    }
    if (missing.size() == std::size(legacy_keys)) return;
    if (!missing.empty()) {
      const std::string text = "'" + text::join(missing, "', '") + "' " +
                               (missing.size() == 1 ? "is" : "are") +
                               " missing (a queue is DISTRIBUTION_ARCHITECTURE_SUITE_FORMAT)";
      if (mapped)
        reader_.warning("", text, reader_.place());
      else
        mistake("", text, reader_.place());
      return;
    }
    const auto value = [&](const char* key) { return reader_.entry(key)->text; };
    const IniValue& suites = *reader_.entry("suites");
    int line_index = 0;
    for (const auto& part : text::split(suites.text, ',')) {
      // Suites may stand on continuation lines: each is told of at its own.
      const auto begins = part.find_first_not_of(" \t\n\r");
      const auto before = part.substr(0, begins);
      line_index += static_cast<int>(std::count(before.begin(), before.end(), '\n'));
      const Place place = suites.lines[static_cast<std::size_t>(line_index)];
      line_index += static_cast<int>(std::count(part.begin(), part.end(), '\n') -
                                     std::count(before.begin(), before.end(), '\n'));
      const std::string suite(text::trim(part));
      if (suite.empty()) continue;
      read_suite(value("distribution"), value("architecture"), suite, value("format"), place);
    }
  }

  void read_suite(const std::string& distribution, const std::string& architecture,
                  const std::string& suite, const std::string& format, const Place& place) {
    const auto joined = [&](const char* mark) {
      return text::join({distribution, architecture, suite, format}, mark);
    };
    const std::string queue = joined("_");
    const bool has_runner = settings_.runners.contains(queue);
    if (QueueMapping* mapping = mapping_of(queue)) {
      if (mapping->legacy) {
        mistake("suites", quoted(suite) + " is named twice", place);
      } else if (has_runner && mapping->runner != queue) {
        mistake("suites",
                "queue " + quoted(queue) + " has two runners: [runner:" + queue +
                    "] and, by queue-mappings (" + mapping->place.seen_from(place) + "), [" +
                    (mapping->route ? "" : "runner:") + mapping->shown() + "]",
                place);
      }
      mapping->legacy = true;  // the union: bound as this form is
      mapping->dotted_route = joined(".");
      return;
    }
    if (is_refused("suites", queue, place)) return;
    if (has_runner) {
      settings_.queues.push_back({{queue, nullptr}, queue, place, true, joined(".")});
    } else {
      // Old files do list such suites; their messages stay where they are.
      some_unread_ = true;
      const std::string shown = text::one_line(queue, 300);
      reader_.warning("", "queue " + shown + " has no [runner:" + shown + "] and is not read",
                      place);
    }
  }

  SectionReader reader_;
  Settings& settings_;
  std::vector<std::string> runners_;
  bool mistaken_ = false;     // some queue is named, wrongly
  bool some_unread_ = false;  // some queue is named, without a runner
};

}  // namespace

void read_queues(const Ini* section, Loaded& loaded) {
  Queues(section, loaded).read();
}

}  // namespace rbit::config
