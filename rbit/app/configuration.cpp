#include "rbit/app/configuration.h"

#include "rbit/base/result.h"
#include "rbit/run/output_dir.h"
#include "rbit/run/shell_program.h"

namespace rbit {

namespace {

/// Where a key of that section, or of one that it follows, has its value.
config::Place place_of(const config::Loaded& loaded, const config::RunnerSettings& runner,
                       std::string_view key) {
  for (const config::Value& value : loaded.values)
    if (value.section == "runner:" + runner.name && value.key == key && !value.place.file.empty())
      return value.place;
  return runner.place;
}

void read_schema(Configuration& configuration, const config::RunnerSettings& runner) {
  if (runner.policy.schema.empty()) return;
  auto schema = JsonSchema::read(runner.policy.schema);
  if (schema)
    configuration.schemas.emplace(runner.name, std::move(*schema));
  else
    configuration.loaded.findings.push_back(
        {config::Finding::Severity::error, place_of(configuration.loaded, runner, "schema"),
         "[runner:" + runner.name + "] schema: " + schema.error().text()});
}

/// What is wrong with a line that stands at `place`, as findings that begin with `begin`.
void note_findings(const ParsedRunnerLine& parsed, const config::Place& place,
                   const std::string& begin, config::Loaded& loaded) {
  using enum config::Finding::Severity;
  for (const auto& one : parsed.errors)
    loaded.findings.push_back({error, place, begin + one, true});
  for (const auto& one : parsed.warnings)
    loaded.findings.push_back({warning, place, begin + one, true});
}

/// Where %{event} stands in a message.
void name_events(const config::Settings& settings, RunnerLine& line) {
  for (MessageFact& fact : line.facts)
    if (fact.of == MessageFact::Of::event) fact.name = settings.event_key;
}

void read_hook_lines(Configuration& configuration) {
  const config::Settings& settings = configuration.loaded.settings;
  for (const auto& [name, hook] : settings.hooks) {
    if (hook.line.empty()) continue;  // said already
    ParsedRunnerLine parsed =
        parse_runner_line(hook.line, hook.policy.settings, settings.directory);
    note_findings(parsed, hook.line_place, "[hook:" + name + "] run: ", configuration.loaded);
    name_events(settings, parsed.line);
    configuration.hooks[name] = std::move(parsed.line);
  }
}

}  // namespace

Configuration read_configuration(const std::string& path, const config::Overrides& overrides) {
  Configuration configuration;
  configuration.loaded = config::load(path, overrides);
  const config::Settings& settings = configuration.loaded.settings;
  for (const auto& [name, runner] : settings.runners) {
    read_schema(configuration, runner);
    if (runner.line.empty()) continue;  // said already
    ParsedRunnerLine parsed =
        parse_runner_line(runner.line, runner.policy.settings, settings.directory);
    const bool is_script = !runner.script.empty();
    const std::string begin = "[runner:" + name + "] " + (is_script ? "script: " : "runner: ");
    const auto find = [&](config::Finding::Severity severity, const std::string& text) {
      configuration.loaded.findings.push_back({severity, runner.line_place, begin + text, true});
    };
    note_findings(parsed, runner.line_place, begin, configuration.loaded);
    for (const auto& error : mistakes_of_kind(runner.policy.message, parsed.line))
      find(config::Finding::Severity::error, error);
    if (auto known = OutputDir(runner.policy.output_dir).check(runner.policy.message); !known)
      configuration.loaded.findings.push_back(
          {config::Finding::Severity::error, place_of(configuration.loaded, runner, "output-dir"),
           "[runner:" + name + "] " + known.error().text(), true});
    if (is_script) {
      parsed.line.script = runner.script;
    } else if (parsed.line.kind == RunnerLine::Kind::shell) {
      parsed.line.shell = runner.shell;
      if (auto mistake = mistake_of_shell(runner.shell, parsed.line.variables);
          !mistake.empty() && parsed.errors.empty())
        configuration.loaded.findings.push_back({config::Finding::Severity::error,
                                                 runner.line_place,
                                                 "[runner:" + name + "] shell: " + mistake});
    }
    name_events(settings, parsed.line);
    configuration.lines[name] = std::move(parsed.line);
  }
  read_hook_lines(configuration);
  configuration.loaded.sort_findings();
  return configuration;
}

std::map<std::string, QueueRunner> runners_of_queues(const config::Settings& settings) {
  std::map<std::string, QueueRunner> runners;
  for (const auto& mapping : settings.queues) runners[mapping.queue] = mapping;
  return runners;
}

QueueOfTask queues_of_tasks(const config::Settings& settings) {
  return [&settings](const std::string& task, const std::string& queue) {
    std::string found;  // of another queue
    for (const auto& mapping : settings.queues) {
      if (!mapping.route || mapping.route->by().of != MessageFact::Of::task) continue;
      const auto& elsewhere = settings.routes.at(mapping.route->name()).queues;
      const auto there = elsewhere.find(task);
      const bool is_known = there != elsewhere.end() || mapping.route->names(task);
      if (!is_known || (!found.empty() && mapping.queue != queue)) continue;
      found = there != elsewhere.end() ? there->second : mapping.queue;
      if (mapping.queue == queue) break;
    }
    return found.empty() ? queue : found;
  };
}

Configuration need_configuration(const std::string& path, const config::Overrides& overrides) {
  Configuration configuration = read_configuration(path, overrides);
  for (const auto& finding : configuration.loaded.findings) log::print(finding.line());
  if (!configuration.ok()) throw Fatal(ExitCode::config, std::vector<std::string>{});
  return configuration;
}

log::Settings log_settings(const config::LogSettings& settings) {
  log::Settings made;
  made.level = settings.level == "DEBUG"      ? log::Level::debug
               : settings.level == "WARNING"  ? log::Level::warning
               : settings.level == "ERROR"    ? log::Level::error
               : settings.level == "CRITICAL" ? log::Level::critical
                                              : log::Level::info;
  made.json = settings.json;
  made.with_facts = settings.with_facts;
  made.file = settings.file;
  made.handlers = settings.handlers;
  made.loggers = settings.loggers;
  return made;
}

}  // namespace rbit
