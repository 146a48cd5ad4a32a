#include "rbit/config/settings.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <iterator>

#include "rbit/base/text.h"
#include "rbit/config/broker_url.h"
#include "rbit/config/key_table.h"
#include "rbit/config/secret_file.h"
#include "rbit/config/sections.h"

namespace rbit::config {

namespace {

constexpr auto error = Finding::Severity::error;
constexpr auto warning = Finding::Severity::warning;

bool is_known(std::string_view section, std::string_view key) {
  const auto table = table_section(section);
  if (!key.empty()) return find_key(table, key) != nullptr;
  return !table.empty() || is_logging_section(section) || section == "DEFAULT";
}

Result<std::string> read_source(const std::string& path) {
  if (path != "-") return read_text_file(path);
  std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  if (std::cin.bad()) return Error{path, "standard input cannot be read", ""};
  return text;
}

/// Whoever may write to the file, or put another in its place, decides what rbit runs.
void check_exposure(const std::string& path, Loaded& loaded) {
  const Exposure exposure = exposure_of(path);
  const auto tell = [&](Finding::Severity severity, const Error& one) {
    const Place whole_file{path, 0};
    loaded.findings.push_back({severity, whole_file, Error{"", one.reason, one.cure}.text()});
  };
  for (const auto& one : exposure.everybody) tell(error, one);
  for (const auto& one : exposure.somebody) tell(warning, one);
}

/// Whether the value is worth hiding: guest's password is known to everybody.
bool is_a_password(const Value& value, const Settings& settings) {
  if (!value.secret || value.text.empty() || value.place.line == 0) return false;
  if (value.section == "amqp" && value.key == "url" && without_user(value.text) == value.text)
    return false;
  return value.section != "amqp" || settings.broker.password != "guest";
}

/// RELIABILITY.md 3. A warning: every old file holds a password and stands there with mode 644.
void check_secrecy(const std::string& path, Loaded& loaded) {
  if (!is_readable_by_others(path)) return;
  for (const auto& value : loaded.values) {
    if (!is_a_password(value, loaded.settings)) continue;
    loaded.findings.push_back({warning, value.place,
                               "[" + value.section + "] " + value.key +
                                   ": others may read it here (chmod 600 " + path + ")"});
    return;
  }
}

void sort_by_line(std::vector<Finding>& findings) {
  std::stable_sort(findings.begin(), findings.end(),
                   [](const auto& a, const auto& b) { return a.place.line < b.place.line; });
}

}  // namespace

std::string Finding::line() const {
  std::string out = place.file;
  if (place.line > 0) out += ":" + std::to_string(place.line);
  out += severity == Severity::warning ? ": warning: " : ": ";
  return out + text::one_line(text, 4096);  // names come from the file, control characters and all
}

bool Loaded::ok() const {
  return std::none_of(findings.begin(), findings.end(),
                      [](const auto& finding) { return finding.severity == error; });
}

Loaded load(const std::string& path, const Overrides& overrides) {
  Loaded loaded;
  Settings& settings = loaded.settings;
  settings.file = path;
  std::error_code failed;
  const auto absolute = std::filesystem::absolute(path, failed).lexically_normal();
  settings.directory = path == "-" ? std::filesystem::current_path(failed).string()
                                   : absolute.parent_path().string();
  const std::string shown = path == "-" ? "standard input" : path;

  const auto text = read_source(path);
  if (!text) {
    const Place whole_file{shown, 0};
    loaded.findings.push_back(
        {error, whole_file, Error{"", text.error().reason, text.error().cure}.text()});
    return loaded;
  }
  if (path != "-") check_exposure(path, loaded);
  const Ini ini = parse_ini(*text, shown, is_known, loaded.findings);

  const IniSection* section = ini.find("rbit");
  settings.coyote = !section && ini.find("coyote");
  if (settings.coyote) section = ini.find("coyote");
  read_rbit(ini, section, overrides, loaded);
  const auto head = loaded.values.size();
  read_runners(ini, loaded);
  const auto runners = loaded.values.size();
  read_queues(section, loaded);
  const auto queues = loaded.values.size();
  read_amqp(ini, loaded);
  read_status(ini, loaded);
  read_monitor(ini, loaded);
  const PythonLogging python = read_python_logging(ini, loaded);
  read_log(ini, python, overrides, loaded);
  // The queues belong to [rbit], the runners behind everything else.
  const auto at = [&](std::size_t i) {
    return loaded.values.begin() + static_cast<std::ptrdiff_t>(i);
  };
  std::rotate(at(head), at(runners), at(queues));
  std::rotate(at(head + queues - runners), at(queues), loaded.values.end());

  check_unknown(ini, loaded);
  if (path != "-") check_secrecy(path, loaded);
  sort_by_line(loaded.findings);
  return loaded;
}

}  // namespace rbit::config
