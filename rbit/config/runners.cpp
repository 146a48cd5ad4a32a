#include <algorithm>
#include <filesystem>

#include "rbit/base/names.h"
#include "rbit/base/text.h"
#include "rbit/config/message_keys.h"
#include "rbit/config/named_sections.h"
#include "rbit/config/process_keys.h"
#include "rbit/config/script_line.h"
#include "rbit/config/section_reader.h"
#include "rbit/config/sections.h"
#include "rbit/config/values.h"
#include "rbit/core/message_fact.h"
#include "rbit/core/runner_words.h"

namespace rbit::config {

namespace {

std::set<int> read_exit_codes(SectionReader& reader) {
  std::set<int> codes;
  for (const auto& item : reader.list("blocked-exit-codes")) {
    const std::string_view first = std::string_view(item).substr(0, item.find('-'));
    const std::string_view last =
        first.size() == item.size() ? first : std::string_view(item).substr(first.size() + 1);
    long long least = 0, most = 0;
    if (text::parse_number(first, 1, 255, least) && text::parse_number(last, least, 255, most))
      for (; least <= most; ++least) codes.insert(static_cast<int>(least));
    else
      reader.wrong("blocked-exit-codes", item,
                   "is neither a number from 1 to 255 nor a range of them such as 1-255");
  }
  return codes;
}

/// `exit-codes` and `metadata-fd`, which only mean something to a process of the job's own.
void read_consumer_keys(SectionReader& reader, RunnerPolicy& policy, bool shell) {
  policy.strict_exit_codes = reader.choice("exit-codes") == "strict";
  reader.read("metadata-fd", policy.metadata_fd);
  if (policy.metadata_fd == 1 || policy.metadata_fd == 2)
    reader.error("metadata-fd", "1 and 2 are the job's output (write 3 to 9)");
  if (shell && policy.strict_exit_codes && reader.own("blocked-exit-codes"))
    reader.warning("blocked-exit-codes", "not read, exit-codes = strict has codes of its own");
  for (const char* key : {"exit-codes", "metadata-fd"})
    if (!shell && reader.own(key)) reader.warning(key, "not read, it is for shell lines only");
}

/// What a pattern may be meant for and is not; "": nothing.
std::string doubt_about_pattern(const std::string& glob) {
  bool in_set = false;
  for (std::size_t i = 0; i < glob.size(); ++i) {
    const char c = glob[i];
    if (c == '\\') {
      ++i;
    } else if (in_set) {
      in_set = c != ']';
    } else if (c == '[') {
      if (glob.find(']', i + 2) == std::string::npos)
        return " has a [ without ] (write [[] for the text)";
      in_set = true;
      ++i;  // what comes first is never the end
    } else if (c == ',') {
      return " has a comma, and patterns have blanks between them (write [,] for the text)";
    } else if (c == '$' || c == '%' || (c == '~' && i == 0)) {
      return " is taken as it stands, nothing is put in for '" + std::string(1, c) + "' (write [" +
             c + "] for the text)";
    }
  }
  return "";
}

/// Patterns of `key`, which is `artifacts` or its like.
std::vector<std::string> read_patterns(SectionReader& reader, const char* key) {
  const auto globs = parse_words(reader.text(key));
  if (!globs) {
    reader.error(key, "a quote has no end (a pattern that holds one is written \\' or \\\")");
    return {};
  }
  for (const auto& glob : *globs) {
    if (const auto wrong = wrong_pattern(glob); !wrong.empty())
      reader.wrong(key, glob, wrong);
    else if (const std::string doubt = doubt_about_pattern(glob); !doubt.empty())
      reader.doubt(key, "'" + text::one_line(glob, 80) + "'" + doubt);
  }
  return *globs;
}

std::set<Outcome::Kind> read_artifacts_when(SectionReader& reader) {
  constexpr Named<Outcome::Kind> words[] = {{Outcome::Kind::done, "done"},
                                            {Outcome::Kind::failed, "failed"},
                                            {Outcome::Kind::timed_out, "timeout"},
                                            {Outcome::Kind::blocked, "blocked"},
                                            {Outcome::Kind::crashed, "crashed"}};
  std::set<Outcome::Kind> kinds;
  for (const auto& item : reader.list("artifacts-when")) {
    if (const auto kind = value_in(words, text::lower(item)))
      kinds.insert(*kind);
    else
      reader.wrong("artifacts-when", item, "is none of done, failed, timeout, blocked, crashed");
  }
  return kinds;
}

/// Text without placeholders, as it stands in a path that may have some.
std::string escaped(const std::string& text) {
  return text::replaced(text, {{'%', "%%"}});
}

/// A %{...} as it stands in a path, where a slash is between two parts.
std::string fact_in_path(SectionReader& reader, std::string_view rest, std::size_t& length) {
  const FactText found = fact_at(rest);
  length = found.length;
  if (found.length > 0 && found.mistake.empty())
    return "%" + text::replaced(found.fact.shown.substr(1), {{'/', "%2F"}, {'%', "%25"}});
  const auto end = rest.find('}');
  if (length == 0) length = end == std::string_view::npos ? 2 : end + 1;
  const std::string shown(rest.substr(0, length));
  reader.error("output-dir", found.mistake.empty()
                                 ? "unknown placeholder " + text::one_line(shown, 60) +
                                       " (for a plain % write %%)"
                                 : found.mistake);
  return "";
}

/// `output-dir` with the values of its %(key)s; the placeholders of jobs are left.
std::string read_output_dir(SectionReader& reader) {
  const std::string given = reader.text("output-dir");
  std::string path;
  for (std::size_t i = 0; i < given.size();) {
    const std::string_view rest = std::string_view(given).substr(i);
    const auto end = rest.find(")s");
    if (rest.starts_with("%%")) {
      path += "%%";
      i += 2;
    } else if (rest.starts_with("%{")) {
      std::size_t length = 0;
      path += fact_in_path(reader, rest, length);
      i += length;
    } else if (rest.starts_with("%(") && end != std::string_view::npos) {
      const std::string key = text::lower(text::trim(rest.substr(2, end - 2)));
      const IniValue* entry = find_value(*reader.section(), key);
      if (!entry || key == "output-dir")
        reader.error("output-dir", "unknown setting '" + key + "' (add it to the section)");
      else
        path += escaped(entry->text);
      i += end + 2;
    } else {
      path += given[i++];
    }
  }
  if (path.empty()) return "";
  const auto whole = std::filesystem::path(escaped(reader.loaded().settings.directory)) / path;
  return whole.lexically_normal().string();
}

std::optional<int> read_signal(SectionReader& reader) {
  const std::string value = reader.text("cancel-signal");
  if (value.empty()) return std::nullopt;
  if (const auto signal = parse_signal(value)) return *signal;
  reader.wrong("cancel-signal", value, "is no signal (write TERM, INT, HUP, 15 ...)");
  return std::nullopt;
}

/// DEFAULT's keys are settings of every runner and only told of where they stand. Two settings must
/// not give one variable.
void read_settings(SectionReader& reader, RunnerPolicy& policy) {
  std::map<std::string, const IniValue*> taken;
  for (const auto& [key, node] : *reader.section()) {
    const Place& place = node.data().place;
    policy.settings[key] = node.data().text;
    if (!find_key("runner", key)) reader.note(key, node.data().text, place, is_secret_name(key));
    const std::string variable = setting_variable(key);
    const auto [first, fresh] = taken.emplace(variable, &node.data());
    if (!fresh)
      reader.error("",
                   "'" + key + "' and '" + first->second->key() + "' (" +
                       first->second->place.seen_from(place) + ") both give " + variable,
                   place);
  }
}

/// "never" is no duration and 0 is one.
std::optional<std::chrono::milliseconds> read_ack_after(SectionReader& reader) {
  const std::string given = reader.text("ack-after");
  const std::string value(text::trim(given));
  if (text::lower(value) == "never") return std::nullopt;
  const auto duration = parse_duration(value);
  if (!duration)
    reader.wrong("ack-after", value, "is no duration (write 600, 90s, 10m, 1h, or never)");
  return duration;
}

RunnerPolicy read_policy(SectionReader& reader, bool shell) {
  RunnerPolicy policy;
  read_message_keys(reader, policy);
  reader.read("slots", policy.slots);
  policy.prefetch_ahead = policy.most_ahead();  // its kind is known
  if (reader.has("prefetch-ahead"))
    reader.read("prefetch-ahead", *policy.prefetch_ahead);
  else
    reader.note("prefetch-ahead", std::to_string(*policy.prefetch_ahead), {});
  reader.read("timeout", policy.timeout);
  reader.read("idle-timeout", policy.idle_timeout);
  reader.read("grace", policy.grace);
  policy.cancel_signal = read_signal(reader);
  policy.ack_after = read_ack_after(reader);
  reader.read("attempts", policy.attempts);
  reader.read("retry-delay", policy.retry_delay);
  reader.read("retry-ceiling", policy.retry_ceiling);
  if (policy.retry_delay.count() < 1) reader.error("retry-delay", "must be at least 1ms");
  if (policy.retry_ceiling.count() < 1) reader.error("retry-ceiling", "must be at least 1ms");
  policy.blocked_exit_codes = read_exit_codes(reader);
  read_consumer_keys(reader, policy, shell);
  if (shell) {
    policy.keep_warm = 1;
    reader.note("keep-warm", "1", {});
    if (reader.own("keep-warm"))
      reader.warning("keep-warm", "not read, a shell line is always started anew");
  } else {
    reader.read("keep-warm", policy.keep_warm);
  }
  policy.artifacts = read_patterns(reader, "artifacts");
  policy.artifacts_required = read_patterns(reader, "artifacts-required");
  policy.artifacts_when = read_artifacts_when(reader);
  if (!policy.artifacts_required.empty() && !policy.artifacts_when.contains(Outcome::Kind::done))
    reader.error(
        "artifacts-required",
        "artifacts-when keeps nothing of a job that is done, so nothing can be required of "
        "it (add done to artifacts-when)");
  if (reader.has("output-dir"))
    policy.output_dir = read_output_dir(reader);
  else  // whoever runs it decides; rbit itself so
    reader.note("output-dir", reader.loaded().settings.state_dir + "/output", Place{});
  reader.read("keep-work", policy.keep_work);
  reader.read("log-limit", policy.log_limit);
  reader.read("output-limit", policy.output_limit);
  policy.pass_env = read_pass_env(reader);
  reader.read("user", policy.user);
  reader.read("nice", policy.nice);
  reader.read("max-memory", policy.max_memory);
  reader.read("max-processes", policy.max_processes);
  return policy;
}

/// Makes the runner line of `script = NAME ARGUMENTS`, which executes the script, so that no shell
/// stays between. Returns false if the value is empty.
bool read_script(SectionReader& reader, RunnerSettings& runner) {
  const std::string value = reader.text("script");
  if (text::trim(value).empty()) return false;
  const ScriptLine line = read_script_line(value);
  if (!line.mistake.empty()) {
    reader.error("script", line.mistake);
    return true;
  }
  const std::filesystem::path directory(reader.loaded().settings.directory);
  runner.script = (directory / line.file).lexically_normal().string();
  runner.line = "shell!exec " + quoted_path(runner.script) + line.arguments;
  const IniValue* shell = reader.entry("shell");
  if (shell && !shell->inherited)
    reader.doubt("shell",
                 "has no meaning beside script, which the first line of the file decides "
                 "(leave it out)");
  return true;
}

/// Reads what does the jobs, and returns which kind of runner that is.
std::string_view read_line(SectionReader& reader, RunnerSettings& runner) {
  const auto kind = [&] {
    return text::trim(std::string_view(runner.line).substr(0, runner.line.find('!')));
  };
  const IniValue* line = reader.entry("runner");
  runner.line = text::trim(reader.text("runner"));
  runner.line_place = line ? line->place : runner.place;
  if (kind() == "shell") runner.line = text::trim(line->block());
  runner.shell = text::split_blanks(reader.text("shell"));
  const IniValue* script = runner.line.empty() ? reader.entry("script") : nullptr;
  if (script) runner.line_place = script->place;
  const bool is_script = script && read_script(reader, runner);
  // A list of lines in `pipeline` is told of by itself.
  if (runner.line.empty() && !is_script && !find_child(*reader.section(), "pipeline"))
    reader.error("",
                 "'runner' is missing (write runner = shell!COMMAND, plugin!LIBRARY.so:NAME or "
                 "python!MODULE:FUNCTION, or script = FILE)",
                 line ? line->place : runner.place);
  return kind();
}

}  // namespace

void read_runners(const Ini& ini, Loaded& loaded) {
  read_named(ini, "runner", loaded.settings.runners, loaded,
             [](SectionReader& reader, RunnerSettings& runner) {
               runner.policy = read_policy(reader, read_line(reader, runner) == "shell");
               read_env(reader, runner.policy);
               read_settings(reader, runner.policy);
             });
}

}  // namespace rbit::config
