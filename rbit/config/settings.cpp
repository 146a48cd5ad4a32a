#include "rbit/config/settings.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <iterator>

#include "rbit/base/secrets.h"
#include "rbit/base/sha256.h"
#include "rbit/base/text.h"
#include "rbit/config/broker_url.h"
#include "rbit/config/key_table.h"
#include "rbit/config/secret_file.h"
#include "rbit/config/sections.h"
#include "rbit/config/values.h"

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

/// Whether the value is worth hiding: guest's password is known to everybody.
bool is_a_password(const Value& value, const Settings& settings) {
  if (!value.secret || value.text.empty() || value.place.line == 0) return false;
  if (value.section == "amqp" && value.key == "url" && without_user(value.text) == value.text)
    return false;
  return value.section != "amqp" || settings.broker.password != BrokerSettings().password;
}

/// A password of rbit's own must not be readable by all: the account is as good as theirs. What a
/// runner's setting is only its name tells, and a group may be the way by which the file reaches
/// us: these are warnings.
void check_secrecy(const std::string& path, Loaded& loaded) {
  const Readers readers = readers_of(path);
  if (readers == Readers::none) return;
  std::optional<Finding> found;
  for (const auto& value : loaded.values) {
    if (value.place.file != path || !is_a_password(value, loaded.settings)) continue;
    const bool own = !value.section.starts_with("runner:");
    const auto severity = own && readers == Readers::all ? error : warning;
    if (found && (found->severity == error || severity == warning)) continue;
    const std::string who = readers == Readers::all ? "all users" : "a group";
    found = Finding{severity, value.place,
                    "[" + value.section + "] " + value.key + ": " + who +
                        " may read it here (chmod 600 " + path +
                        (own ? ", or write password-file)" : ")")};
  }
  if (found) loaded.findings.push_back(*found);
}

/// Before the values are read: a mistake quotes what is wrong, and that may hold a secret.
void hide_what_is_written(const Ini& ini) {
  for (const auto& [name, section] : ini)
    for (const auto& [written, node] : section) {
      const Key* key = find_key(table_section(name), written);
      if (key == nullptr || !key->secret || written == "url") continue;  // of a URL, its shape
      if (key->type == KeyType::list)
        for (const auto& item : parse_list(node.data().text)) secrets::hide(item);
      else
        secrets::hide(node.data().text);
    }
}

/// Of files that keys of ours name: certificates, secrets. What cannot be read has none.
void note_contents(Loaded& loaded) {
  for (auto& value : loaded.values) {
    const Key* key = find_key(table_section(value.section), value.key);
    if (key == nullptr || !key->name.ends_with("-file") || value.place.file.empty()) continue;
    const auto path = std::filesystem::path(loaded.settings.directory) / value.text;
    auto text = read_text_file(path.string());
    if (!text) continue;
    value.digest = Sha256().add(*text).hex();
    secrets::wipe(*text);
  }
}

/// From now on no text that leaves rbit has them, and nothing that is kept for `show` does.
void conceal(Ini& ini, Loaded& loaded) {
  const Settings& settings = loaded.settings;
  secrets::hide(settings.broker.password);
  secrets::hide(settings.status.password);
  secrets::hide(settings.status.webhook_secret);
  for (const auto& text : settings.log.redact) secrets::hide(text);
  for (auto& value : loaded.values) {
    if (!value.secret || value.text.empty()) continue;
    value.digest = Sha256().add(value.text).hex();
    if (value.key == "url") {
      value.text = without_user(value.text);
      continue;
    }
    // "sort-key = name" is no secret: by its name alone a runner's key is masked, not hunted for.
    const bool is_key = text::lower(value.key).find("key") != std::string::npos;
    if (value.place.line != 0 && !is_key && value.key != "redact") secrets::hide(value.text);
    secrets::wipe(value.text);
    value.text = "***";
  }
  for (auto& [name, section] : ini)
    for (auto& [written, node] : section)
      if (const Key* key = find_key(table_section(name), written); key && key->secret)
        secrets::wipe(node.data().text);
}

/// The file and, if it can be read, those that it includes.
std::vector<IniSource> read_sources(const std::string& path, const std::string& shown,
                                    Loaded& loaded) {
  auto text = read_source(path);
  if (!text) {
    const Place whole_file{shown, 0};
    std::string cure = text.error().cure;
    std::error_code ignored;
    if (path != "-" && !std::filesystem::exists(path, ignored) && !ignored)
      cure += ": rbit.ini(5) tells how";
    loaded.error(whole_file, Error{"", text.error().reason, cure}.text());
    return {};
  }
  if (path != "-") check_exposure(path, loaded);
  std::vector<IniSource> sources{{std::move(*text), shown}};
  secrets::wipe(*text);
  read_included(path, sources, loaded);
  return sources;
}

}  // namespace

std::string Place::seen_from(const Place& here) const {
  return (file == here.file ? "line " : file + ":") + std::to_string(line);
}

bool Loaded::is_before(const Place& one, const Place& other) const {
  const auto rank = [&](const Place& place) {
    return std::find(files.begin(), files.end(), place.file) - files.begin();
  };
  return one.file == other.file ? one.line < other.line : rank(one) < rank(other);
}

void Loaded::sort_findings() {
  for (auto* list : {&findings, &doubts})
    std::stable_sort(list->begin(), list->end(), [this](const auto& one, const auto& other) {
      return is_before(one.place, other.place);
    });
}

void Loaded::error(const Place& place, std::string text) {
  findings.push_back({Finding::Severity::error, place, std::move(text)});
}

void Loaded::warning(const Place& place, std::string text, bool strict) {
  findings.push_back({Finding::Severity::warning, place, std::move(text), strict});
}

void Loaded::doubt(const Place& place, std::string text) {
  doubts.push_back({Finding::Severity::warning, place, std::move(text), true});
}

std::string Finding::line() const {
  std::string out = place.file;
  if (place.line > 0) out += ":" + std::to_string(place.line);
  out += severity == Severity::warning ? ": warning: " : ": ";
  return out + text::one_line(text, 4096);  // names come from the file, control characters and all
}

bool Loaded::ok() const {
  return std::none_of(findings.begin(), findings.end(), [](const auto& finding) {
    return finding.severity == Finding::Severity::error;
  });
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

  auto sources = read_sources(path, shown, loaded);
  if (sources.empty()) return loaded;
  Ini ini = parse_ini(sources, is_known, loaded.findings);
  for (auto& source : sources) {
    loaded.files.push_back(source.file);
    secrets::wipe(source.text);
  }

  hide_what_is_written(ini);

  const Ini* section = find_child(ini, "rbit");
  settings.coyote = !section && find_child(ini, "coyote");
  if (settings.coyote) section = find_child(ini, "coyote");
  read_rbit(ini, section, overrides, loaded);
  const auto head = loaded.values.size();
  read_runners(ini, loaded);
  read_routes(ini, loaded);
  read_hooks(ini, loaded);
  const auto runners = loaded.values.size();
  read_queues(section, loaded);
  const auto queues = loaded.values.size();
  read_amqp(ini, loaded);
  read_status(ini, loaded);
  read_monitor(ini, loaded);
  PythonLogging python = read_python_logging(ini, loaded);
  read_log(ini, std::move(python), overrides, loaded);
  // The queues belong to [rbit], the runners behind everything else.
  const auto at = [&](std::size_t i) {
    return loaded.values.begin() + static_cast<std::ptrdiff_t>(i);
  };
  std::rotate(at(head), at(runners), at(queues));
  std::rotate(at(head + queues - runners), at(queues), loaded.values.end());

  check_metrics(loaded);
  check_directories(loaded);
  check_sending(loaded);
  check_unknown(ini, loaded);
  for (const auto& file : loaded.files)
    if (path != "-" || file != shown) check_secrecy(file, loaded);
  note_contents(loaded);
  conceal(ini, loaded);
  loaded.sort_findings();
  return loaded;
}

}  // namespace rbit::config
