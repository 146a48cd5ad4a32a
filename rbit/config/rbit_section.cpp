#include <pwd.h>
#include <unistd.h>

#include <filesystem>

#include "rbit/base/text.h"
#include "rbit/config/environment.h"
#include "rbit/config/section_reader.h"
#include "rbit/config/sections.h"
#include "rbit/config/values.h"

namespace rbit::config {

namespace {

std::string host_name() {
  char name[256] = "";
  if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

std::string home() {
  if (const auto home = environment_of("HOME")) return *home;
  const passwd* user = ::getpwuid(::geteuid());
  return user ? user->pw_dir : "";
}

/// Empty if there is no place to think of.
std::string default_state_dir(const std::string& name) {
  if (const auto given = environment_of("STATE_DIRECTORY"))  // systemd; may be a list with colons
    return given->substr(0, given->find(':'));
  if (::geteuid() == 0) return "/var/lib/rbit/" + text::slug(name);
  if (const auto xdg = environment_of("XDG_STATE_HOME"); xdg && xdg->starts_with('/'))
    return *xdg + "/rbit/" + text::slug(name);
  if (const auto dir = home(); dir.starts_with('/'))
    return dir + "/.local/state/rbit/" + text::slug(name);
  return "";
}

std::string read_name(SectionReader& reader, const Overrides& overrides) {
  std::string name = overrides.name.value_or(host_name());
  if (overrides.name)
    reader.note("name", name, {"command line", 0});
  else
    reader.read("name", name);
  if (name.empty()) name = host_name();
  if (name.size() > longest_name || name.find_first_of("\n\r\t") != std::string::npos)
    reader.error("name", "must be one line of at most 220 bytes");
  return name;
}

void read_poll_time(SectionReader& reader, const Overrides& overrides, Settings& settings) {
  if (overrides.poll_time) {
    settings.poll_time = overrides.poll_time;
    reader.note("poll-time", std::to_string(overrides.poll_time->count()), {"command line", 0});
    return;
  }
  if (!reader.has("poll-time")) {
    reader.note("poll-time", "", {});
    return;
  }
  const std::string value = reader.text("poll-time");
  const auto time = parse_duration(value);
  if (!time || time->count() < 1000 || time->count() % 1000 != 0)
    reader.wrong("poll-time", value, "is not a whole number of seconds from 1");
  else
    settings.poll_time = std::chrono::duration_cast<std::chrono::seconds>(*time);
}

/// Old files keep the interpreter of some tool in [DEFAULT] `python`, a setting of their runners.
void read_python(SectionReader& reader, std::string& python) {
  const IniValue* said = reader.own("python");
  if (said && !said->text.empty())
    reader.read("python", python);
  else
    reader.note("python", python, {});
}

}  // namespace

void read_rbit(const Ini& ini, const Ini* section, const Overrides& overrides, Loaded& loaded) {
  Settings& settings = loaded.settings;
  SectionReader reader(section, "rbit", settings.coyote ? "coyote" : "rbit", loaded);
  const auto* rbit = find_child(ini, "rbit");
  const auto* coyote = find_child(ini, "coyote");
  if (!rbit && !coyote) {
    const Place whole_file{settings.file, 0};
    loaded.error(whole_file, "no section [rbit] (write it, with queue-mappings = QUEUE:RUNNER)");
  } else if (rbit && coyote) {
    const Place& place = coyote->data().place;
    loaded.error(place, "[coyote] stands beside [rbit] (" + rbit->data().place.seen_from(place) +
                            "): only one of them may be there");
  }

  settings.name = read_name(reader, overrides);
  reader.list("include");  // read already
  read_poll_time(reader, overrides, settings);
  reader.read("slots", settings.slots);
  if (const auto usual = default_state_dir(settings.name); !usual.empty())
    settings.state_dir =
        (std::filesystem::path(settings.directory) / usual).lexically_normal().string();
  reader.read("state-dir", settings.state_dir);
  const char* const is_empty = "is empty (name a directory, or leave it out)";
  if (settings.state_dir.empty() && reader.has("state-dir"))
    reader.error("state-dir", is_empty);
  else if (settings.state_dir.empty())
    reader.error("state-dir",
                 "is missing, and there is no home directory to put it in (name a directory)");
  if (!settings.state_dir.empty()) settings.work_dir = settings.state_dir + "/work";
  reader.read("work-dir", settings.work_dir);
  if (settings.work_dir.empty() && reader.has("work-dir")) reader.error("work-dir", is_empty);
  reader.read("min-free-disk", settings.min_free_disk);
  reader.read("drain-timeout", settings.drain_timeout);
  const std::string declare = reader.choice("declare");
  settings.declare = declare == "no"        ? Declare::no
                     : declare == "passive" ? Declare::passive
                                            : Declare::yes;
  settings.quorum = reader.choice("queue-type") == "quorum";
  read_python(reader, settings.python);
  reader.read("exchange", settings.exchange);
  reader.check_name("exchange", settings.exchange);
  const std::string commands = reader.text("command-queue");
  if (!commands.empty()) {
    reader.check_name("command-queue", commands);
    settings.command_queue = commands;
  }
}

}  // namespace rbit::config
