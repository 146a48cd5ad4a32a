#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "rbit/base/text.h"
#include "rbit/config/key_table.h"
#include "rbit/config/meant_key.h"
#include "rbit/config/sections.h"

namespace rbit::config {

namespace {

/// Settings of old files: never a slip of the pen (INTEROP.md 1.2).
const std::set<std::string_view> old_settings{"python",
                                              "host",
                                              "name",
                                              "username",
                                              "password",
                                              "output-dir",
                                              "print-dir",
                                              "path-to-content",
                                              "pdf-generator",
                                              "python-env",
                                              "cnx-buildout-dir",
                                              "oer.exports-dir",
                                              "deposit_location"};

class Checker {
 public:
  Checker(const Ini& ini, Loaded& loaded) : ini_(ini), loaded_(loaded) {}

  void check() {
    check_defaults();
    for (const auto& section : ini_.sections) {
      check_oldest(section);
      if (const auto table = table_section(section.name); !table.empty())
        check_keys(section, table);
      else if (!is_logging_section(section.name))
        check_section(section);
    }
  }

 private:
  /// What the dialects R0 and R2 had and later ones did not.
  void check_oldest(const IniSection& section) {
    for (const auto& entry : section.entries) {
      if (entry.inherited) continue;
      if (entry.key == "pipeline")
        error(section, entry.place,
              "pipeline: a list of runner lines is no longer run (use one 'runner = ...')");
      if (entry.key == "pybitweb-username" || entry.key == "pybitweb-password")
        warning(
            section, entry.place,
            "'" + entry.key + "' is not read here (write [status] " + entry.key.substr(9) + ")");
    }
  }

  void check_section(const IniSection& section) {
    std::vector<std::string> known{"rbit", "coyote",  "amqp",     "status",     "monitor",
                                   "log",  "loggers", "handlers", "formatters", "DEFAULT"};
    const auto near = text::did_you_mean(text::lower(section.name), known);
    const auto* runner = section.find("runner");
    if ((runner && !runner->inherited) || section.find("pipeline")) {
      error(section, section.place,
            "a runner's section is called [runner:NAME] (write [runner:" + section.name + "])");
    } else if (section.name.starts_with("runner")) {
      error(section, section.place, "a runner's section is called [runner:NAME]");
    } else if (text::lower(section.name) == "default") {
      warning(section, section.place, "is not read; keys for all sections stand in [DEFAULT]");
    } else if (near || contains_lower(known, section.name)) {
      error(section, section.place,
            "unknown section (did you mean [" + (near ? *near : text::lower(section.name)) + "]?)");
    } else {
      warning(section, section.place, "unknown section, not read", true);
    }
  }

  /// Keys of [DEFAULT] are for all, and so never unknown; but some look like a slip of the pen.
  void check_defaults() {
    IniSection defaults;
    defaults.name = "DEFAULT";
    std::vector<std::string> names = key_names("runner");
    constexpr std::size_t long_enough = 5;  // `uri` need not be meant as `url`
    for (const std::string_view table : {"rbit", "amqp", "status", "monitor", "log"})
      for (auto& name : key_names(table))
        if (name.size() >= long_enough) names.push_back(std::move(name));
    for (const auto& entry : ini_.defaults) {
      const Key* known = nullptr;
      for (const std::string_view table : {"runner", "rbit", "amqp", "status", "monitor", "log"})
        if (!known) known = find_key(table, entry.key);
      if (known)
        check_empty(defaults, entry, *known);
      else if (!std::any_of(ini_.sections.begin(), ini_.sections.end(),
                            [&](const auto& one) { return is_used(one, entry.key); }))
        check_default(defaults, entry, names);
    }
  }

  void check_default(const IniSection& defaults, const IniEntry& entry,
                     const std::vector<std::string>& names) {
    if (old_settings.contains(entry.key)) return;
    for (const auto& name : names)
      if (is_one_slip(entry.key, name)) {
        doubt(defaults, entry.place,
              "unknown key '" + entry.key + "' (did you mean '" + name + "'?)");
        return;
      }
    doubt_setting(defaults, entry, key_names("runner"));
  }

  static bool contains_lower(const std::vector<std::string>& known, std::string_view name) {
    for (const auto& one : known)
      if (one == text::lower(name)) return true;
    return false;
  }

  void check_keys(const IniSection& section, std::string_view table) {
    std::map<const Key*, const IniEntry*> seen;
    const auto names = key_names(table);
    for (const auto& entry : section.entries) {
      if (table == "runner" && entry.key == "user" && text::trim(entry.value).empty())
        error(section, entry.place,
              "'user' is empty: its jobs would run as rbit does (name a user, or leave it out)");
      if (entry.inherited) continue;  // [DEFAULT] is looked at by itself
      if (const Key* key = find_key(table, entry.key)) {
        if (!key->family()) check_spellings(section, entry, seen.emplace(key, &entry));
        check_empty(section, entry, *key);
      } else if (table == "runner") {
        check_setting(section, entry, names);
      } else if (!entry.key.starts_with("pybitweb-") && entry.key != "pipeline") {
        unknown_key(section, entry, table, names);
      }
    }
  }

  void check_spellings(const IniSection& section, const IniEntry& entry,
                       std::pair<std::map<const Key*, const IniEntry*>::iterator, bool> seen) {
    const IniEntry& first = *seen.first->second;
    if (seen.second || first.value == entry.value) return;
    const bool later = loaded_.is_before(first.place, entry.place);
    const IniEntry& last = later ? entry : first;
    const IniEntry& other = later ? first : entry;
    error(section, last.place,
          "'" + last.key + "' and '" + other.key + "' (" + other.place.seen_from(last.place) +
              ") differ");
  }

  void check_setting(const IniSection& section, const IniEntry& entry,
                     const std::vector<std::string>& names) {
    if (old_settings.contains(entry.key)) return;
    for (const auto& name : names) {
      if (!is_one_slip(entry.key, name)) continue;
      warning(section, entry.place,
              "unknown key '" + entry.key + "' (did you mean '" + name + "'?)", true);
      return;
    }
    if (is_used(section, entry.key)) return;  // its own, without doubt
    doubt_setting(section, entry, names);
  }

  void doubt_setting(const IniSection& section, const IniEntry& entry,
                     const std::vector<std::string>& names) {
    std::string like = other_name("runner", entry.key);
    if (like.empty()) like = policy_like(entry.key, names);
    if (like.empty()) return;
    doubt(section, entry.place,
          "'" + text::one_line(entry.key, 80) +
              "' is taken as a setting of your own (did you mean " + like + "?)");
  }

  /// Whether the runner's line names that setting.
  static bool is_used(const IniSection& section, const std::string& key) {
    const IniEntry* line = section.find("runner");
    if (line == nullptr) line = section.find("script");
    if (line == nullptr) return false;
    std::string variable = "RBIT_SETTING_";
    for (const char c : text::upper(key))
      variable += (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
    const std::string spelled = text::lower(line->value);
    for (const auto& use : {"%(" + key + ")s", "{settings." + key + "}", text::lower(variable)})
      if (spelled.find(use) != std::string::npos) return true;
    return false;
  }

  /// A key that is there and empty does what it does if it is not there, or nothing, and says so to
  /// nobody. Other types tell of it by themselves, and so do those that must be there.
  void check_empty(const IniSection& section, const IniEntry& entry, const Key& key) {
    const bool is_text =
        key.type == KeyType::text || key.type == KeyType::path || key.type == KeyType::list;
    const bool may_be = key.family() || key.name == "password" || key.name == "runner" ||
                        key.name == "script" || (key.name == "user" && key.section == "runner");
    if (is_text && !may_be && text::trim(entry.value).empty())
      doubt(section, entry.place,
            "'" + entry.key + "' is empty (give it a value, or leave it out)");
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
  void unknown_key(const IniSection& section, const IniEntry& entry, std::string_view table,
                   const std::vector<std::string>& names) {
    const std::string text = "unknown key '" + text::one_line(entry.key, 80) + "'";
    const bool old_section = table == "rbit" || table == "amqp";
    const auto near = text::did_you_mean(entry.key, names);
    if (const std::string named = other_name(table, entry.key); !named.empty()) {
      const std::string said = " (did you mean " + named + "?)";
      if (near || !old_section)
        error(section, entry.place, text + said);
      else
        warning(section, entry.place, text + ", not read" + said, true);
    } else if (near)
      error(section, entry.place, text + " (did you mean '" + *near + "'?)");
    else if (!old_section)
      error(section, entry.place, text + " (known: " + text::join(names, ", ") + ")");
    else if (const std::string other = section_of(entry.key); !other.empty())
      warning(section, entry.place, text + ", not read here (did you mean " + other + "?)", true);
    else
      warning(section, entry.place, text + ", not read", true);
  }

  void error(const IniSection& section, const Place& place, const std::string& text) {
    loaded_.findings.push_back({Finding::Severity::error, place, "[" + section.name + "] " + text});
  }
  void warning(const IniSection& section, const Place& place, const std::string& text,
               bool strict = false) {
    loaded_.findings.push_back(
        {Finding::Severity::warning, place, "[" + section.name + "] " + text, strict});
  }
  void doubt(const IniSection& section, const Place& place, const std::string& text) {
    loaded_.doubts.push_back(
        {Finding::Severity::warning, place, "[" + section.name + "] " + text, true});
  }

  const Ini& ini_;
  Loaded& loaded_;
};

}  // namespace

void check_unknown(const Ini& ini, Loaded& loaded) {
  Checker(ini, loaded).check();
}

}  // namespace rbit::config
