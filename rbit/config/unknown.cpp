#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "rbit/base/text.h"
#include "rbit/config/key_table.h"
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

/// One letter more, less or other, or two neighbours swapped: stricter than `did_you_mean`, for a
/// runner's keys are anybody's.
bool is_one_slip(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > 1 || a == b) return false;
  std::size_t i = 0;
  while (i < a.size() && a[i] == b[i]) ++i;
  if (a.size() < b.size()) return a.substr(i) == b.substr(i + 1);
  if (a.substr(i + 1) == b.substr(i + 1)) return true;
  return i + 1 < a.size() && a[i] == b[i + 1] && a[i + 1] == b[i] &&
         a.substr(i + 2) == b.substr(i + 2);
}

class Checker {
 public:
  Checker(const Ini& ini, Loaded& loaded) : ini_(ini), loaded_(loaded) {}

  void check() {
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
      warning(section, section.place, "unknown section, not read");
    }
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
      if (entry.inherited) continue;  // [DEFAULT] is for all, and never unknown
      if (const Key* key = find_key(table, entry.key)) {
        if (!key->family()) check_spellings(section, entry, seen.emplace(key, &entry));
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
              "unknown key '" + entry.key + "' (did you mean '" + name + "'?)");
      return;
    }
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
    if (const auto near = text::did_you_mean(entry.key, names))
      error(section, entry.place, text + " (did you mean '" + *near + "'?)");
    else if (!old_section)
      error(section, entry.place, text + " (known: " + text::join(names, ", ") + ")");
    else if (const std::string other = section_of(entry.key); !other.empty())
      warning(section, entry.place, text + ", not read here (did you mean " + other + "?)");
    else
      warning(section, entry.place, text + ", not read");
  }

  void error(const IniSection& section, const Place& place, const std::string& text) {
    loaded_.findings.push_back({Finding::Severity::error, place, "[" + section.name + "] " + text});
  }
  void warning(const IniSection& section, const Place& place, const std::string& text) {
    loaded_.findings.push_back(
        {Finding::Severity::warning, place, "[" + section.name + "] " + text});
  }

  const Ini& ini_;
  Loaded& loaded_;
};

}  // namespace

void check_unknown(const Ini& ini, Loaded& loaded) {
  Checker(ini, loaded).check();
}

}  // namespace rbit::config
