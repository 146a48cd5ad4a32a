#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/config/ini.h"
#include "rbit/config/key_table.h"
#include "rbit/config/settings.h"

namespace rbit::config {

/// Reads the keys of one section as the table of keys describes them. Each read is noted in
/// `Loaded::values`, each mistake in `Loaded::findings`, where the table's default is then used.
class SectionReader {
 public:
  /// `section` may be null: everything is default then. `shown` is its name without brackets.
  /// Keeps references; REQUIRES that all keys asked for are in the table.
  SectionReader(const IniSection* section, std::string_view table, std::string shown,
                Loaded& loaded);

  /// What the file says under any spelling of the key, or null.
  const IniEntry* entry(std::string_view key) const;
  bool has(std::string_view key) const { return entry(key) != nullptr; }

  /// `computed` counts where the file says nothing and the table has no fixed default.
  std::string text(std::string_view key, const std::string& computed = "");
  std::string path(std::string_view key, const std::string& computed = "");  // absolute or empty
  std::string choice(std::string_view key);  // as the table spells it
  std::vector<std::string> list(std::string_view key);
  bool flag(std::string_view key);
  int number(std::string_view key);
  std::int64_t size(std::string_view key);
  disk::Limit space(std::string_view key);
  double fraction(std::string_view key);
  std::chrono::milliseconds duration(std::string_view key);
  /// Notes a value without reading it: one whose reader stands elsewhere.
  void note(std::string_view key, const std::string& value, const Place& place,
            bool secret = false);

  /// "[section] key: text" at the key's line, or `where` it is.
  void error(std::string_view key, const std::string& text);
  void error(std::string_view key, const std::string& text, const Place& where);
  void warning(std::string_view key, const std::string& text);
  void warning(std::string_view key, const std::string& text, const Place& where);
  /// What only `rbit check` tells, and what --strict takes for an error.
  void doubt(std::string_view key, const std::string& text);
  /// Of a path with something in it that only a shell would replace.
  void doubt_path(std::string_view key);
  /// "'abc' is not a number from 1 to 65535", whatever the table says the key wants.
  void not_wanted(std::string_view key, std::string_view value);

  const std::string& shown() const { return shown_; }
  const IniSection* section() const { return section_; }
  Place place() const;  // of the section, or of the file without a line
  Loaded& loaded() { return loaded_; }

 private:
  const Key& key(std::string_view name) const;
  Finding found(Finding::Severity severity, std::string_view key, const std::string& text,
                const Place* where) const;
  /// The text to parse, and the note of it.
  std::string noted(std::string_view key, const std::string& computed = "");
  template <class Parse>
  auto parsed(std::string_view key, Parse parse);

  const IniSection* section_;
  std::string table_, shown_;
  Loaded& loaded_;
};

}  // namespace rbit::config
