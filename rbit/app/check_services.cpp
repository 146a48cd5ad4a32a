#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>

#include "rbit/app/checks.h"
#include "rbit/base/text.h"
#include "rbit/config/ini.h"

namespace rbit {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds supervisord_waits(10'000), systemd_waits(90'000);  // if nothing is said
constexpr milliseconds last_reports(5'000);  // what the outbox has after the jobs have ended

/// Something that starts an rbit with this configuration, and when it would kill it.
struct Service {
  std::string file, key;
  std::optional<milliseconds> stop_time;  // none: it waits for ever
  bool said = false;                      // else the default
  bool kills_at_once = false;
};

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// supervisord's files and systemd's are near enough to ours; what is wrong in them is not our
/// business. A backslash joins lines.
config::Ini read_ini(const fs::path& path) {
  std::string text = read_file(path);
  for (auto at = text.find("\\\n"); at != std::string::npos; at = text.find("\\\n", at))
    text.replace(at, 2, " ");
  std::vector<config::Finding> ignored;
  const auto nothing = [](std::string_view, std::string_view) { return false; };
  return config::parse_ini(text, path.string(), nothing, ignored);
}

std::string value_of(const config::IniSection* section, std::string_view key) {
  const config::IniEntry* entry = section != nullptr ? section->find(key) : nullptr;
  return entry != nullptr ? entry->value : "";
}

/// The files of a directory that end so, in the order of their names.
std::vector<fs::path> files_in(const fs::path& directory, const std::string& end) {
  std::vector<fs::path> files;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(directory, failed))
    if (entry.path().string().ends_with(end)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

/// Whether such a command runs an rbit with our file. systemd's %i stands for any name.
bool runs_our_file(const std::string& command, const fs::path& directory, const fs::path& ours) {
  bool rbit = false, file = false;
  for (std::string word : text::split_blanks(command)) {
    std::erase_if(word, [](char c) { return c == '"' || c == '\''; });
    if (word.empty()) continue;
    rbit = rbit || fs::path(word).filename() == "rbit";
    std::error_code ignored;
    const std::string path = fs::weakly_canonical(directory / word, ignored).string();
    for (const char* any : {"%i", "%I"})
      if (const auto at = path.find(any); at != std::string::npos)
        file = file || (ours.string().starts_with(path.substr(0, at)) &&
                        ours.string().ends_with(path.substr(at + 2)));
    file = file || path == ours.string();
  }
  return rbit && file;
}

// ---- supervisord

void look_at_supervisord(const fs::path& path, const fs::path& ours, std::vector<Service>& found) {
  for (const auto& section : read_ini(path).sections) {
    if (!section.name.starts_with("program:")) continue;
    std::string directory = value_of(&section, "directory");
    if (directory.empty()) directory = "/";
    if (!runs_our_file(value_of(&section, "command"), directory, ours)) continue;
    Service service{path.string(), "stopwaitsecs", supervisord_waits};
    long long seconds = 0;
    if (text::parse_number(value_of(&section, "stopwaitsecs"), 0, 1LL << 31, seconds)) {
      service.stop_time = std::chrono::seconds(seconds);
      service.said = true;
    }
    service.kills_at_once = text::upper(value_of(&section, "stopsignal")).ends_with("KILL");
    found.push_back(service);
  }
}

// ---- systemd

/// "90", "10min 30s", "2h", "infinity" (none); false if it is none of these.
bool parse_span(const std::string& text, std::optional<milliseconds>& span) {
  static const std::map<std::string, long long> units{
      {"", 1000},          {"s", 1000},         {"sec", 1000},        {"second", 1000},
      {"seconds", 1000},   {"ms", 1},           {"msec", 1},          {"m", 60'000},
      {"min", 60'000},     {"minute", 60'000},  {"minutes", 60'000},  {"h", 3'600'000},
      {"hr", 3'600'000},   {"hour", 3'600'000}, {"hours", 3'600'000}, {"d", 86'400'000},
      {"day", 86'400'000}, {"days", 86'400'000}};
  if (text == "infinity" || text == "0") {
    span.reset();
    return true;
  }
  milliseconds sum(0);
  std::size_t i = 0;
  const auto skip = [&] {
    while (i < text.size() && text[i] == ' ') ++i;
  };
  for (skip(); i < text.size(); skip()) {
    const auto digits = text.find_first_not_of("0123456789", i);
    long long number = 0;
    if (!text::parse_number(text.substr(i, digits - i), 0, 1'000'000'000, number)) return false;
    i = std::min(digits, text.size());
    skip();
    const auto end = std::min(text.find_first_of(" 0123456789", i), text.size());
    const auto unit = units.find(text.substr(i, end - i));
    if (unit == units.end()) return false;
    sum += milliseconds(number * unit->second);
    i = end;
  }
  if (text.empty()) return false;
  span = sum;
  return true;
}

/// A unit and what its drop-in files add to it; the last word counts.
void look_at_unit(const std::vector<fs::path>& files, const fs::path& ours,
                  std::vector<Service>& found) {
  std::string command, directory = "/";
  Service service{files.front().string(), "TimeoutStopSec", systemd_waits};
  for (const auto& file : files) {
    const config::Ini unit = read_ini(file);
    const config::IniSection* section = unit.find("Service");
    if (const auto said = value_of(section, "execstart"); !said.empty()) command = said;
    if (const auto said = value_of(section, "workingdirectory"); said.starts_with('/'))
      directory = said;
    for (const char* key : {"timeoutsec", "timeoutstopsec"})
      if (parse_span(value_of(section, key), service.stop_time)) {
        service.said = true;
        service.file = file.string();
      }
    service.kills_at_once =
        service.kills_at_once || text::upper(value_of(section, "killsignal")).ends_with("KILL");
  }
  if (runs_our_file(command, directory, ours)) found.push_back(service);
}

void look_at_systemd(const fs::path& root, const fs::path& ours, std::vector<Service>& found) {
  // The first one that has a unit wins; all add drop-ins.
  const char* const directories[] = {"etc/systemd/system", "run/systemd/system",
                                     "usr/local/lib/systemd/system", "usr/lib/systemd/system",
                                     "lib/systemd/system"};
  std::map<std::string, fs::path> units;
  for (const char* directory : directories)
    for (const auto& file : files_in(root / directory, ".service"))
      units.emplace(file.filename().string(), file);
  for (const auto& [name, file] : units) {
    std::vector<fs::path> files{file};
    std::map<std::string, fs::path> additions;
    for (const char* directory : directories)
      for (const auto& addition : files_in(root / directory / (name + ".d"), ".conf"))
        additions.emplace(addition.filename().string(), addition);
    for (const auto& [its_name, addition] : additions) files.push_back(addition);
    look_at_unit(files, ours, found);
  }
}

void judge(const Service& service, const config::Settings& settings, CheckFindings& findings) {
  milliseconds grace(0);
  for (const auto& [name, runner] : settings.runners) grace = std::max(grace, runner.policy.grace);
  const milliseconds drain = settings.drain_timeout, whole = drain + grace + last_reports;
  const std::string enough = duration_text(whole);
  const std::string thing = service.file;
  if (service.kills_at_once) {
    findings.fail(
        {thing, "stops rbit with KILL, and its jobs with it", "use TERM, which lets them finish"});
    return;
  }
  if (!service.stop_time) {
    findings.ok(thing + ": waits for rbit for as long as it takes");
    return;
  }
  const std::string waits = service.key + (service.said ? " = " : " is not said, so it is ") +
                            duration_text(*service.stop_time);
  const std::string cure = "set " + service.key + " to " +
                           std::to_string(whole.count() / 1000 + 30) +
                           " or more, or [rbit] drain-timeout lower";
  if (*service.stop_time < drain)
    findings.fail({thing,
                   waits + ", below drain-timeout (" + duration_text(drain) +
                       "): rbit is killed while it lets jobs finish",
                   cure});
  else if (*service.stop_time < whole)
    findings.warn(
        {thing,
         waits + ", below drain-timeout, grace and the last reports together (" + enough + ")",
         cure});
  else
    findings.ok(thing + ": " + waits + ", longer than drain-timeout (" + duration_text(drain) +
                ")");
}

}  // namespace

void check_services(const config::Settings& settings, const std::string& root,
                    CheckFindings& findings) {
  if (settings.file == "-") return;
  std::error_code failed;
  const fs::path ours = fs::canonical(settings.file, failed), top(root);
  if (failed) return;
  std::vector<Service> found;
  for (const char* file : {"etc/supervisor/supervisord.conf", "etc/supervisord.conf"})
    look_at_supervisord(top / file, ours, found);
  for (const char* directory : {"etc/supervisor/conf.d", "etc/supervisord.d"})
    for (const char* end : {".conf", ".ini"})
      for (const auto& file : files_in(top / directory, end))
        look_at_supervisord(file, ours, found);
  look_at_systemd(top, ours, found);
  for (const auto& service : found) judge(service, settings, findings);
}

}  // namespace rbit
