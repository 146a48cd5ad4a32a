#pragma once

#include <boost/property_tree/ptree.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/config/settings.h"

namespace rbit::config {

/// The tree of a file holds one of these for each section, and for each `key = value` with its
/// continuation lines.
struct IniValue {
  std::string spelled;       // the section's name; the key as written: env.NAME needs its case
  Place place;               // where the section first begins; of the key
  std::string text;          // the lines of a key's value, joined with '\n'
  std::vector<Place> lines;  // where each line of `text` stands
  /// Only `runner` and `run` have them: the lines behind the first as they stand in the file, blank
  /// ones too.
  std::vector<std::string> raw_lines;
  bool inherited = false;  // from [DEFAULT]

  /// Returns the key by which the section has it, which is lower-cased.
  std::string key() const;
  /// The value as a text of lines: they lose the indentation that all behind the first have, and no
  /// more. REQUIRES: it is `runner` or `run`.
  std::string block() const;
};

/// A file is a tree of its sections by name, case kept, and each section one of its keys, all in
/// the order of the file. Names may hold dots, so they are looked for by the functions below, never
/// by paths.
using Ini = boost::property_tree::basic_ptree<std::string, IniValue>;

/// Returns the section of a file, or the key of a section, its own or one that it inherits; null if
/// there is none.
const Ini* find_child(const Ini& parent, std::string_view name);
/// Returns what such a key says, or null.
const IniValue* find_value(const Ini& section, std::string_view key);

/// Whether a section has such a key, by its name in the file; with an empty key: whether there is
/// such a section at all. Serves only the warnings about indented lines.
using KnownKey = std::function<bool(std::string_view section, std::string_view key)>;

struct IniSource {
  std::string text, file;
};

/// Parses the text of `file` in the grammar of old files (rbit/doc/formats.rst, ini-grammar);
/// mistakes become findings, and what can be read is read all the same. [DEFAULT] is merged into
/// the sections and no section itself.
Ini parse_ini(std::string_view text, const std::string& file, const KnownKey& known,
              std::vector<Finding>& findings);

/// The same for a file and those that it includes, as one: sections of the same name are merged, a
/// later file's key replaces an earlier one's, but `queue-mappings` are added to those before.
Ini parse_ini(const std::vector<IniSource>& sources, const KnownKey& known,
              std::vector<Finding>& findings);

}  // namespace rbit::config
