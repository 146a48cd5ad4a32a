#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/config/settings.h"

namespace rbit::config {

/// One `key = value` with its continuation lines.
struct IniEntry {
  std::string key;           // lower-cased
  std::string spelled;       // as written: env.NAME needs its case
  std::string value;         // lines joined with '\n'
  Place place;               // of the key
  std::vector<Place> lines;  // where each line of `value` stands
  /// Of `runner`: the lines behind the first as they stand in the file, blank ones too.
  std::vector<std::string> raw_lines;
  bool inherited = false;  // from [DEFAULT]
  std::string uncut{};     // of `script`: the first line with what looks like a comment

  /// The value as a text of lines: they lose the indentation that all behind the first have, and no
  /// more. REQUIRES: it is `runner`.
  std::string block() const;
};

struct IniSection {
  std::string name;  // as written, case kept
  Place place;       // where it first begins
  std::vector<IniEntry> entries;

  /// The section's own entry or the one it inherits, or null.
  const IniEntry* find(std::string_view key) const;
};

/// A file in the grammar of INTEROP.md 1.1. [DEFAULT] is merged into the sections and no section
/// itself.
struct Ini {
  std::vector<IniSection> sections;
  std::vector<IniEntry> defaults;  // what [DEFAULT] gives

  const IniSection* find(std::string_view name) const;
};

/// Whether a section has such a key, by its name in the file; with an empty key: whether there is
/// such a section at all. Serves only the warnings about indented lines.
using KnownKey = std::function<bool(std::string_view section, std::string_view key)>;

struct IniSource {
  std::string text, file;
};

/// Parses the text of `file`; mistakes become findings, and what can be read is read all the same.
Ini parse_ini(std::string_view text, const std::string& file, const KnownKey& known,
              std::vector<Finding>& findings);

/// The same for a file and those that it includes, as one: sections of the same name are merged, a
/// later file's key replaces an earlier one's, but `queue-mappings` are added to those before.
Ini parse_ini(const std::vector<IniSource>& sources, const KnownKey& known,
              std::vector<Finding>& findings);

}  // namespace rbit::config
