
#include "rbit/base/text.h"
#include "rbit/config/environment.h"
#include "rbit/config/section_reader.h"
#include "rbit/config/sections.h"

namespace rbit::config {

namespace {

constexpr const char* our_logger = "rbit";

log::Level level_of(std::string_view name) {
  return value_in(log::level_names, name).value_or(log::Level::info);
}

/// What counts for our own records where the INI's [log] says nothing: our logger's or root's.
std::optional<log::Level> python_level(const PythonLogging& python) {
  std::optional<log::Level> level;
  for (const auto& logger : python.loggers)
    if (logger.level && (logger.name == our_logger || (logger.name.empty() && !level)))
      level = logger.level;
  return level;
}

/// BarterDude's variable: one of Python's numbers, as "20".
std::optional<log::Level> environment_level(Loaded& loaded) {
  constexpr const char* variable = "BARTERDUDE_DEFAULT_LOG_LEVEL";
  const auto said = environment_of(variable);
  if (!said) return std::nullopt;
  long long number = 0;
  if (!text::parse_number(*said, 0, 50, number))
    environment_error(variable, *said, "a number from 0 to 50", loaded);
  for (const auto& [level, name] : log::level_names)  // the least important one that is let through
    if (number <= log::python_number(level)) return level;
  return std::nullopt;
}

/// The command line counts before [log], that before Python's sections, then come BarterDude's
/// variable and our default.
void read_level(SectionReader& reader, const Overrides& overrides, PythonLogging& python,
                LogSettings& log) {
  const auto python_said = python_level(python);
  if (!overrides.debug && !reader.has("level") && python_said) {
    log.level = log::python_name(*python_said);
    return;  // noted where the sections' values are
  }
  if (overrides.debug) {
    log.level = "DEBUG";
    reader.note("level", "DEBUG", {"command line", 0});
    for (auto& handler : python.handlers) handler.level = log::Level::debug;
  } else if (const auto given = environment_level(reader.loaded()); given && !reader.has("level")) {
    log.level = log::python_name(*given);
    reader.note("level", log.level, {"environment", 0});
    return;
  } else {
    log.level = reader.choice("level");
    if (!reader.has("level")) return;  // a child of ours may have one
  }
  for (auto& logger : python.loggers) {
    logger.level.reset();
    if (logger.name.empty()) logger.level = level_of(log.level);
  }
}

/// Returns whether one of its handlers is reached from our own logger. Otherwise all would be
/// silent, and nothing that is left out may silence anything.
bool is_heard(const PythonLogging& python) {
  bool own = false, propagates = true, root = false;
  for (const auto& logger : python.loggers) {
    if (logger.name == our_logger) {
      own = own || !logger.handlers.empty();
      propagates = propagates && logger.propagate;
    }
    if (logger.name.empty()) root = root || !logger.handlers.empty();
  }
  return own || (propagates && root);
}

/// Standard error, for a file whose loggers have no handlers.
void make_heard(PythonLogging& python) {
  const int place = static_cast<int>(python.handlers.size());
  python.handlers.emplace_back();
  for (auto& logger : python.loggers)
    if (logger.name == our_logger) logger.propagate = true;
  for (auto& logger : python.loggers)
    if (logger.name.empty()) {
      logger.handlers.push_back(place);
      return;
    }
  python.loggers.emplace_back();
  python.loggers.back().handlers.push_back(place);
}

/// BarterDude's name for the first part of our logger's.
std::string read_shown_name(Loaded& loaded) {
  constexpr const char* variable = "BARTERDUDE_DEFAULT_APP_NAME";
  const auto said = environment_of(variable);
  if (!said) return "";
  if (said->size() > 100 || !text::is_printable(*said) ||
      said->find_first_of(" []") != std::string::npos)
    environment_error(variable, *said, "one word of at most 100 bytes", loaded);
  const Place place{"environment", 0};
  loaded.values.push_back({"log", variable, *said, place});
  return *said;
}

/// The old program logged bodies when told so; nothing here does.
void read_redacted(Loaded& loaded) {
  constexpr const char* variable = "BARTERDUDE_LOG_REDACTED";
  const auto said = environment_of(variable);
  if (!said || *said == "1") return;
  const Place place{"environment", 0};
  if (*said == "0")
    loaded.warning(place, std::string(variable) +
                              ": no bodies are logged all the same (rbit log CONFIG JOB shows what "
                              "a job said)");
  else
    environment_error(variable, *said, "0 or 1", loaded);
}

}  // namespace

void read_log(const Ini& ini, PythonLogging python, const Overrides& overrides, Loaded& loaded) {
  SectionReader reader(find_child(ini, "log"), "log", "log", loaded);
  LogSettings& log = loaded.settings.log;
  read_level(reader, overrides, python, log);
  const std::string form = reader.choice("format");
  log.json = form == "json";
  log.with_facts = form == "text";
  log.redact = reader.list("redact");
  log.shown_as = read_shown_name(loaded);
  read_redacted(loaded);
  reader.read("file", log.file);
  reader.read("keep-days", log.keep_days);
  reader.read("keep-size", log.keep_size);
  if (!python.said) return;
  const bool file = reader.has("file"), format = reader.has("format");
  if (file) {  // replaces all handlers
    python.handlers.assign(1, log::HandlerSettings{});
    if (!log.file.empty()) python.handlers[0].kind = log::HandlerSettings::Kind::file;
    python.handlers[0].path = log.file;
    for (auto& logger : python.loggers) logger.handlers.clear();
    for (auto& logger : python.loggers)
      if (logger.name.empty()) logger.handlers.push_back(0);
  }
  if (!is_heard(python)) make_heard(python);
  for (auto& handler : python.handlers) {
    handler.json = log.json;
    handler.with_facts = log.with_facts;
    if (format && !log.json) {
      handler.format = log::generic_format;
      handler.date_format.clear();
    }
  }
  for (auto& logger : python.loggers)
    if (logger.name.empty() && !logger.level)
      logger.level = python_level(python) ? log::Level::info : level_of(log.level);
  log.handlers = std::move(python.handlers);
  log.loggers = std::move(python.loggers);
  for (auto& value : python.values) {
    const bool of_handler = value.section.starts_with("handler_");
    if (file && (of_handler || value.section.starts_with("formatter_") || value.key == "handlers"))
      continue;
    if ((overrides.debug || reader.has("level")) && value.key == "level" &&
        (!of_handler || overrides.debug))
      continue;
    if (format && value.section.starts_with("formatter_")) continue;
    loaded.values.push_back(std::move(value));
  }
}

}  // namespace rbit::config
