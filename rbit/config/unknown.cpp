#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "rbit/base/text.h"
#include "rbit/config/key_table.h"
#include "rbit/config/meant_key.h"
#include "rbit/config/sections.h"
#include "rbit/core/runner_words.h"

namespace rbit::config {

namespace {

/// Settings that old files have: none of them is a slip of the pen.
bool is_old_setting(std::string_view key) {
  return text::is_one_of(key, {"python", "host", "name", "username", "password", "output-dir",
                               "print-dir", "path-to-content", "pdf-generator", "python-env",
                               "cnx-buildout-dir", "oer.exports-dir", "deposit_location"});
}

class Checker {
 public:
  Checker(const Ini& ini, Loaded& loaded) : ini_(ini), loaded_(loaded) {}

  void check() {
    check_defaults();
    for (const auto& [name, section] : ini_) {
      check_oldest(section);
      if (const auto table = table_section(name); !table.empty())
        check_keys(section, table);
      else if (!is_logging_section(name))
        check_section(section);
    }
  }

 private:
  /// What the oldest dialects had and later ones did not (rbit/doc/formats.rst, dialects).
  void check_oldest(const Ini& section) {
    for (const auto& [key, node] : section) {
      if (node.data().inherited) continue;
      if (key == "pipeline")
        error(section, node.data().place,
              "pipeline: a list of runner lines is no longer run (use one 'runner = ...')");
      if (key == "pybitweb-username" || key == "pybitweb-password")
        warning(section, node.data().place,
                "'" + key + "' is not read here (write [status] " + key.substr(9) + ")");
    }
  }

  void check_section(const Ini& section) {
    std::vector<std::string> known{"rbit", "coyote",  "amqp",     "status",     "monitor", "events",
                                   "log",  "loggers", "handlers", "formatters", "DEFAULT"};
    const std::string& name = section.data().spelled;
    const Place& place = section.data().place;
    const auto near = text::did_you_mean(text::lower(name), known);
    const auto* runner = find_value(section, "runner");
    if ((runner && !runner->inherited) || find_child(section, "pipeline")) {
      error(section, place,
            "a runner's section is called [runner:NAME] (write [runner:" + name + "])");
    } else if (name.starts_with("runner")) {
      error(section, place, "a runner's section is called [runner:NAME]");
    } else if (text::is_one_of(text::lower(name), {"hook", "hooks"})) {
      error(section, place, "a hook's section is called [hook:NAME]");
    } else if (text::is_one_of(text::lower(name), {"route", "routes"})) {
      error(section, place, "a route's section is called [route:NAME]");
    } else if (text::lower(name) == "default") {
      warning(section, place, "is not read; keys for all sections stand in [DEFAULT]");
    } else if (near || contains_lower(known, name)) {
      error(section, place,
            "unknown section (did you mean [" + (near ? *near : text::lower(name)) + "]?)");
    } else {
      warning(section, place, "unknown section, not read", true);
    }
  }

  /// Keys of [DEFAULT] are for all, and so never unknown; but some look like a slip of the pen.
  void check_defaults() {
    Ini defaults;
    defaults.data().spelled = "DEFAULT";
    std::vector<std::string> names = key_names("runner");
    constexpr std::size_t long_enough = 5;  // `uri` need not be meant as `url`
    for (const std::string_view table : {"rbit", "amqp", "status", "monitor", "log"})
      for (auto& name : key_names(table))
        if (name.size() >= long_enough) names.push_back(std::move(name));
    std::set<std::string> seen;
    for (const auto& [section, values] : ini_)
      for (const auto& [key, node] : values)
        if (node.data().inherited && seen.insert(key).second)
          check_default(defaults, node.data(), names);
  }

  void check_default(const Ini& defaults, const IniValue& entry,
                     const std::vector<std::string>& names) {
    const std::string name = entry.key();
    for (const std::string_view table :
         {"runner", "hook", "rbit", "amqp", "status", "monitor", "log"})
      if (const Key* known = find_key(table, name)) return check_empty(defaults, entry, *known);
    const bool is_setting = std::any_of(ini_.begin(), ini_.end(), [&](const auto& section) {
      return is_used(section.second, name);
    });
    if (is_setting || is_old_setting(name)) return;
    for (const auto& other : names)
      if (text::distance(name, other) == 1)
        return doubt(defaults, entry.place,
                     "unknown key '" + name + "' (did you mean '" + other + "'?)");
    doubt_setting(defaults, entry, key_names("runner"));
  }

  static bool contains_lower(const std::vector<std::string>& known, std::string_view name) {
    for (const auto& one : known)
      if (one == text::lower(name)) return true;
    return false;
  }

  void check_keys(const Ini& section, std::string_view table) {
    std::map<const Key*, const IniValue*> seen;
    const auto names = key_names(table);
    const bool starts_processes = table == "runner" || table == "hook";
    for (const auto& [written, node] : section) {
      const IniValue& entry = node.data();
      if (starts_processes && written == "user" && text::trim(entry.text).empty())
        error(section, entry.place,
              "'user' is empty: its jobs would run as rbit does (name a user, or leave it out)");
      if (entry.inherited) continue;  // [DEFAULT] is looked at by itself
      if (const Key* key = find_key(table, written)) {
        if (!key->family()) check_spellings(section, entry, seen.emplace(key, &entry));
        check_empty(section, entry, *key);
      } else if (starts_processes) {
        check_setting(section, entry, names);
      } else if (!written.starts_with("pybitweb-") && written != "pipeline") {
        unknown_key(section, entry, table, names);
      }
    }
  }

  void check_spellings(const Ini& section, const IniValue& entry,
                       std::pair<std::map<const Key*, const IniValue*>::iterator, bool> seen) {
    const IniValue& first = *seen.first->second;
    if (seen.second || first.text == entry.text) return;
    const bool later = loaded_.is_before(first.place, entry.place);
    const IniValue& last = later ? entry : first;
    const IniValue& other = later ? first : entry;
    error(section, last.place,
          "'" + last.key() + "' and '" + other.key() + "' (" + other.place.seen_from(last.place) +
              ") differ");
  }

  void check_setting(const Ini& section, const IniValue& entry,
                     const std::vector<std::string>& names) {
    const std::string key = entry.key();
    if (is_old_setting(key)) return;
    for (const auto& name : names) {
      // One slip, not two: a runner's keys are anybody's.
      if (text::distance(key, name) != 1) continue;
      warning(section, entry.place, "unknown key '" + key + "' (did you mean '" + name + "'?)",
              true);
      return;
    }
    if (is_used(section, key)) return;  // its own, without doubt
    doubt_setting(section, entry, names);
  }

  void doubt_setting(const Ini& section, const IniValue& entry,
                     const std::vector<std::string>& names) {
    const std::string key = entry.key();
    std::string like = other_name("runner", key);
    if (like.empty()) like = policy_like(key, names);
    if (like.empty()) return;
    doubt(section, entry.place,
          "'" + text::one_line(key, 80) + "' is taken as a setting of your own (did you mean " +
              like + "?)");
  }

  /// Whether the runner's line names that setting.
  static bool is_used(const Ini& section, const std::string& key) {
    const IniValue* line = find_value(section, "runner");
    if (line == nullptr) line = find_value(section, "script");
    if (line == nullptr) line = find_value(section, "run");
    if (line == nullptr) return false;
    const std::string spelled = text::lower(line->text);
    for (const auto& use :
         {"%(" + key + ")s", "{settings." + key + "}", text::lower(setting_variable(key))})
      if (spelled.find(use) != std::string::npos) return true;
    return false;
  }

  /// A key that is there and empty does what it does if it is not there, or nothing, and says so to
  /// nobody. Other types tell of it by themselves, and so do those that must be there.
  void check_empty(const Ini& section, const IniValue& entry, const Key& key) {
    const bool is_text =
        key.type == KeyType::text || key.type == KeyType::path || key.type == KeyType::list;
    const bool may_be = key.family() ||
                        text::is_one_of(key.name, {"password", "runner", "script", "run"}) ||
                        (key.name == "user" && text::is_one_of(key.section, {"runner", "hook"}));
    if (is_text && !may_be && text::trim(entry.text).empty())
      doubt(section, entry.place,
            "'" + entry.key() + "' is empty (give it a value, or leave it out)");
  }

  /// "'check-before-build' of [status]", for a key that is called so elsewhere, or nearly so.
  static std::string section_of(const std::string& key) {
    for (const std::string_view table : {"rbit", "amqp", "status", "monitor", "log"}) {
      const auto names = key_names(table);
      const bool exact = std::find(names.begin(), names.end(), key) != names.end();
      const auto near = exact ? std::optional(key) : text::did_you_mean(key, names);
      if (near) return "'" + *near + "' of [" + std::string(table) + "]";
    }
    return {};
  }

  /// Old programs read over what they did not know, in the sections they had.
  void unknown_key(const Ini& section, const IniValue& entry, std::string_view table,
                   const std::vector<std::string>& names) {
    const std::string text = "unknown key '" + text::one_line(entry.key(), 80) + "'";
    const bool old_section = table == "rbit" || table == "amqp";
    const auto near = text::did_you_mean(entry.key(), names);
    if (const std::string named = other_name(table, entry.key()); !named.empty()) {
      const std::string said = " (did you mean " + named + "?)";
      if (near || !old_section)
        error(section, entry.place, text + said);
      else
        warning(section, entry.place, text + ", not read" + said, true);
    } else if (near)
      error(section, entry.place, text + " (did you mean '" + *near + "'?)");
    else if (!old_section)
      error(section, entry.place, text + " (known: " + text::join(names, ", ") + ")");
    else if (const std::string other = section_of(entry.key()); !other.empty())
      warning(section, entry.place, text + ", not read here (did you mean " + other + "?)", true);
    else
      warning(section, entry.place, text + ", not read", true);
  }

  void error(const Ini& section, const Place& place, const std::string& text) {
    loaded_.error(place, "[" + section.data().spelled + "] " + text);
  }
  void warning(const Ini& section, const Place& place, const std::string& text,
               bool strict = false) {
    loaded_.warning(place, "[" + section.data().spelled + "] " + text, strict);
  }
  void doubt(const Ini& section, const Place& place, const std::string& text) {
    loaded_.doubt(place, "[" + section.data().spelled + "] " + text);
  }

  const Ini& ini_;
  Loaded& loaded_;
};

}  // namespace

void check_unknown(const Ini& ini, Loaded& loaded) {
  Checker(ini, loaded).check();
}

}  // namespace rbit::config
