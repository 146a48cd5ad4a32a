#include <chrono>
#include <string_view>
#include <utility>

#include "rbit/base/names.h"
#include "rbit/base/text.h"
#include "rbit/config/named_sections.h"
#include "rbit/config/process_keys.h"
#include "rbit/config/section_reader.h"
#include "rbit/config/sections.h"
#include "rbit/config/values.h"

namespace rbit::config {

namespace {

/// What no key says. A hook is short, and nobody waits for more of its output than for its end.
RunnerPolicy policy_of_hooks() {
  RunnerPolicy policy;
  policy.timeout = std::chrono::seconds(10);
  policy.grace = hook_grace;
  policy.log_limit = 1 << 20;
  policy.output_limit = 64 << 20;
  policy.artifacts_when.clear();
  return policy;
}

void read_on(SectionReader& reader, HookSettings& hook) {
  std::vector<std::string> words;
  for (const auto& [event, word] : hook_event_names) words.emplace_back(word);
  const std::string known = text::join(words, ", ");
  for (const std::string& item : reader.list("on")) {
    if (const auto event = value_in(hook_event_names, text::lower(item))) {
      hook.on.insert(*event);
      continue;
    }
    const auto near = text::did_you_mean(text::lower(item), words);
    reader.wrong("on", item,
                 "is no event of hooks (" +
                     (near ? "did you mean '" + *near + "'?" : "known: " + known) + ")");
  }
  if (text::trim(reader.text("on")).empty())
    reader.error("", "'on' is missing (write on = and one or more of " + known + ")", hook.place);
}

void read_whose(SectionReader& reader, HookSettings& hook) {
  std::vector<std::string> known;
  for (const auto& [name, runner] : reader.loaded().settings.runners) known.push_back(name);
  for (const std::string& item : reader.list("runners")) {
    if (std::find(known.begin(), known.end(), item) != known.end()) {
      hook.runners.push_back(item);
      continue;
    }
    const auto near = text::did_you_mean(item, known);
    reader.wrong("runners", item,
                 "is the name of no runner" + (near ? " (did you mean '" + *near + "'?)"
                                                    : " (write that of a [runner:NAME])"));
  }
  const bool of_no_job = hook.on.size() == 1 && hook.on.contains(HookEvent::connection_fail);
  if (of_no_job && reader.own("runners"))
    reader.warning("runners", "not read, connection-fail is about no job");
}

void read_required(SectionReader& reader, HookSettings& hook) {
  reader.read("required", hook.required);
  if (hook.required && !hook.on.empty() && !hook.on.contains(HookEvent::before))
    reader.error("required",
                 "is for before alone, which 'on' does not name (add it there, or leave required "
                 "out)");
}

void read_run(SectionReader& reader, HookSettings& hook) {
  const IniValue* line = reader.entry("run");
  hook.line = text::trim(reader.text("run"));
  hook.line_place = line ? line->place : hook.place;
  if (line && text::trim(std::string_view(hook.line).substr(0, hook.line.find('!'))) == "shell")
    hook.line = text::trim(line->block());
  if (hook.line.empty())
    reader.error("",
                 "'run' is missing (write run = shell!COMMAND, plugin!LIBRARY.so:NAME or "
                 "python!MODULE:FUNCTION)",
                 hook.line_place);
}

RunnerPolicy read_policy(SectionReader& reader) {
  RunnerPolicy policy = policy_of_hooks();
  reader.read("timeout", policy.timeout);
  if (policy.timeout.count() < 1)
    reader.error("timeout", "must be at least 1ms, or a hook could hang for ever");
  reader.read("user", policy.user);
  policy.pass_env = read_pass_env(reader);
  read_env(reader, policy);
  for (const auto& [key, node] : *reader.section()) {
    if (key != "run") policy.settings[key] = node.data().text;
    if (!find_key("hook", key))
      reader.note(key, node.data().text, node.data().place, is_secret_name(key));
  }
  return policy;
}

}  // namespace

void read_hooks(const Ini& ini, Loaded& loaded) {
  read_named(ini, "hook", loaded.settings.hooks, loaded,
             [](SectionReader& reader, HookSettings& hook) {
               read_run(reader, hook);
               read_on(reader, hook);
               read_whose(reader, hook);
               read_required(reader, hook);
               hook.policy = read_policy(reader);
             });
}

}  // namespace rbit::config
