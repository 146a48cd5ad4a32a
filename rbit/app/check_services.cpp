#include <glob.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <set>

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
  std::string default_from;               // who says that: file and key; empty: the program itself
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

std::string value_of(const config::Ini* section, std::string_view key) {
  const config::IniValue* value = section ? config::find_value(*section, key) : nullptr;
  return value ? value->text : "";
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

constexpr std::size_t most_files = 1000;  // that one pattern may name

/// What a pattern of [include] names, below `top`. Relative ones start where the file lies.
std::vector<fs::path> included(std::string pattern, const fs::path& file, const fs::path& top) {
  constexpr std::string_view here = "%(here)s";
  const std::string directory = file.parent_path().string();
  const bool absolute = pattern.starts_with('/');
  if (const auto at = pattern.find(here); at != std::string::npos)
    pattern.replace(at, here.size(), directory);
  else
    pattern = absolute ? (top / pattern.substr(1)).string() : directory + "/" + pattern;
  std::vector<fs::path> files;
  glob_t found{};
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0)
    for (std::size_t i = 0; i < std::min(found.gl_pathc, most_files); ++i)
      files.emplace_back(found.gl_pathv[i]);
  ::globfree(&found);
  return files;
}

/// Its own two files, what they include, and where the others usually lie, each once.
std::vector<fs::path> supervisord_files(const fs::path& top) {
  std::vector<fs::path> files;
  std::set<fs::path> seen;
  const auto add = [&](const fs::path& file) {
    std::error_code failed;
    const fs::path real = fs::canonical(file, failed);
    if (!failed && fs::is_regular_file(real, failed) && seen.insert(real).second)
      files.push_back(file);
  };
  for (const char* name : {"etc/supervisor/supervisord.conf", "etc/supervisord.conf"}) {
    const fs::path file = top / name;
    add(file);
    const config::Ini main = read_ini(file);
    for (const auto& pattern :
         text::split_blanks(value_of(config::find_child(main, "include"), "files")))
      for (const auto& one : included(pattern, file, top)) add(one);
  }
  for (const char* directory : {"etc/supervisor/conf.d", "etc/supervisord.d"})
    for (const char* end : {".conf", ".ini"})
      for (const auto& file : files_in(top / directory, end)) add(file);
  return files;
}

void look_at_supervisord(const fs::path& path, const fs::path& ours, std::vector<Service>& found) {
  const config::Ini file = read_ini(path);
  for (const auto& [name, section] : file) {
    if (!name.starts_with("program:")) continue;
    std::string directory = value_of(&section, "directory");
    if (directory.empty()) directory = "/";
    if (!runs_our_file(value_of(&section, "command"), directory, ours)) continue;
    Service service;
    service.file = path.string();
    service.key = "stopwaitsecs";
    service.stop_time = supervisord_waits;
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

/// Where systemd's files lie, below the root: of two with one name the first counts.
constexpr std::array<const char*, 5> systemd_directories{
    "etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd", "lib/systemd"};

/// The drop-in files of such a directory, in the order in which they count.
std::vector<fs::path> drop_ins(const fs::path& root, const std::string& name) {
  std::map<std::string, fs::path> additions;
  for (const char* directory : systemd_directories)
    for (const auto& addition : files_in(root / directory / name, ".conf"))
      additions.emplace(addition.filename().string(), addition);
  std::vector<fs::path> files;
  for (const auto& [its_name, addition] : additions) files.push_back(addition);
  return files;
}

/// A service as it is where its unit says nothing: by systemd's own files, system.conf.
Service systemd_default(const fs::path& root) {
  Service service;
  service.key = "TimeoutStopSec";
  service.stop_time = systemd_waits;
  std::vector<fs::path> files = drop_ins(root, "system.conf.d");
  for (const char* directory : systemd_directories)
    if (std::error_code ignored; fs::exists(root / directory / "system.conf", ignored)) {
      files.insert(files.begin(), root / directory / "system.conf");
      break;
    }
  for (const auto& file : files) {
    const config::Ini ini = read_ini(file);
    const std::string said = value_of(config::find_child(ini, "Manager"), "defaulttimeoutstopsec");
    if (parse_span(said, service.stop_time))
      service.default_from = "DefaultTimeoutStopSec of " + file.string();
  }
  return service;
}

/// A unit and what its drop-in files add to it; the last word counts.
void look_at_unit(const std::vector<fs::path>& files, const fs::path& ours, Service service,
                  std::vector<Service>& found) {
  std::string command, directory = "/";
  service.file = files.front().string();
  for (const auto& file : files) {
    const config::Ini unit = read_ini(file);
    const config::Ini* section = config::find_child(unit, "Service");
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
  std::map<std::string, fs::path> units;
  for (const char* directory : systemd_directories)
    for (const auto& file : files_in(root / directory / "system", ".service"))
      units.emplace(file.filename().string(), file);
  const Service by_default = systemd_default(root);
  for (const auto& [name, file] : units) {
    std::vector<fs::path> files{file};
    for (const auto& addition : drop_ins(root, "system/" + name + ".d")) files.push_back(addition);
    look_at_unit(files, ours, by_default, found);
  }
}

void judge(const Service& service, const config::Settings& settings, CheckFindings& findings) {
  milliseconds grace(0);
  for (const auto& [name, runner] : settings.runners) grace = std::max(grace, runner.policy.grace);
  const milliseconds of_hooks =
      settings.hooks.empty() ? milliseconds(0) : last_reports + config::hook_grace;
  const milliseconds drain = settings.drain_timeout,
                     whole = drain + grace + last_reports + of_hooks;
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
  std::string waits = service.key + (service.said ? " = " : " is not said, so it is ") +
                      duration_text(*service.stop_time);
  if (!service.said && !service.default_from.empty()) waits += " by " + service.default_from;
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
  for (const auto& file : supervisord_files(top)) look_at_supervisord(file, ours, found);
  look_at_systemd(top, ours, found);
  for (const auto& service : found) judge(service, settings, findings);
}

}  // namespace rbit
