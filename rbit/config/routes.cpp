#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "rbit/base/text.h"
#include "rbit/config/named_sections.h"
#include "rbit/config/section_reader.h"
#include "rbit/config/sections.h"

namespace rbit::config {

namespace {

constexpr const char* known_parts =
    "task, event, routing-key, header:NAME, or a JSON Pointer such as /order/kind";

/// The part that `by` names. None: a mistake was told.
std::optional<MessageFact> read_by(SectionReader& reader) {
  const std::string by(text::trim(reader.text("by")));
  if (by.empty()) {
    reader.error("", std::string("'by' is missing (write by = ") + known_parts + ")");
    return std::nullopt;
  }
  const std::string placeholder = "%{" + by + "}";
  FactText found = fact_at(placeholder);
  using Of = MessageFact::Of;
  const bool is_part = found.length == placeholder.size() && found.mistake.empty() &&
                       found.fact.of != Of::key && found.fact.of != Of::queue;
  if (!is_part || found.fact.required) {
    reader.wrong("by", by, std::string("is no part of a message (write ") + known_parts + ")");
    return std::nullopt;
  }
  found.fact.shown = by;
  if (found.fact.of == Of::event) found.fact.name = reader.loaded().settings.event_key;
  return found.fact;
}

/// "VALUE: RUNNER"; a value may have colons and blanks in it, a runner's name has none.
void read_runner(SectionReader& reader, std::string_view line, const Place& place, Route& route,
                 const std::vector<std::string>& known) {
  const auto colon = line.rfind(':');
  const auto shown = [](std::string_view text) { return "'" + text::one_line(text, 300) + "'"; };
  const std::string value(text::trim(line.substr(0, colon)));
  const std::string runner(colon == std::string_view::npos ? std::string_view()
                                                           : text::trim(line.substr(colon + 1)));
  if (value.empty() || runner.empty())
    return reader.error("runners",
                        shown(line) + " names no " + (value.empty() ? "value" : "runner") +
                            " (write VALUE: RUNNER, one a line)",
                        place);
  if (const auto star = value.find('*'); star < value.size() - 1)
    return reader.error("runners",
                        shown(value) +
                            " has a * before its end (one may stand there alone, for "
                            "any rest)",
                        place);
  if (std::find(known.begin(), known.end(), runner) == known.end()) {
    const auto near = text::did_you_mean(runner, known);
    return reader.error(
        "runners",
        "no [runner:" + text::one_line(runner, 300) + "]" +
            (near ? " (did you mean [runner:" + *near + "]?)" : " (write that section)"),
        place);
  }
  if (!route.add(value, runner))
    reader.error("runners", shown(value) + " is named twice (leave one of them out)", place);
}

/// "TASK: QUEUE", one a line.
void read_queue_of(SectionReader& reader, RouteSettings& settings) {
  const IniValue* entry = reader.entry("queue-of");
  reader.text("queue-of");
  if (!entry) return;
  if (text::trim(reader.text("by")) != "task")
    reader.error("queue-of", "is of tasks alone (write by = task, or leave it out)");
  const auto lines = text::split(entry->text, '\n');
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = text::trim(lines[i]);
    if (line.empty()) continue;
    const auto colon = line.rfind(':');
    const std::string task(text::trim(line.substr(0, colon)));
    const std::string queue(colon == std::string_view::npos ? std::string_view()
                                                            : text::trim(line.substr(colon + 1)));
    const std::string shown = "'" + text::one_line(line, 300) + "'";
    if (task.empty() || queue.empty() || queue.size() > longest_name)
      reader.error("queue-of", shown + " is not TASK: QUEUE, of at most 220 bytes (one a line)",
                   entry->lines[i]);
    else if (!settings.queues.emplace(task, queue).second)
      reader.error("queue-of", shown + " is there twice (leave one of them out)", entry->lines[i]);
  }
}

void read_route(SectionReader& reader, RouteSettings& settings) {
  read_queue_of(reader, settings);
  const auto by = read_by(reader);
  const IniValue* entry = reader.entry("runners");
  const std::string text = reader.text("runners");
  Route route(settings.name, by.value_or(MessageFact()));
  std::vector<std::string> known;
  for (const auto& [name, runner] : reader.loaded().settings.runners) known.push_back(name);
  const auto lines = text::split(entry ? entry->text : "", '\n');
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (!text::trim(lines[i]).empty())
      read_runner(reader, text::trim(lines[i]), entry->lines[i], route, known);
  if (text::trim(text).empty())
    reader.error("", "'runners' is missing (write lines of VALUE: RUNNER)", settings.place);
  if (by && !route.runners().empty()) settings.route = std::make_shared<Route>(std::move(route));
}

}  // namespace

void read_routes(const Ini& ini, Loaded& loaded) {
  SectionReader reader(find_child(ini, "events"), "events", "events", loaded);
  reader.read("key", loaded.settings.event_key);
  read_named(ini, "route", loaded.settings.routes, loaded, read_route);
}

}  // namespace rbit::config
