#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "rbit/config/ini.h"
#include "rbit/config/key_table.h"
#include "rbit/config/settings.h"
#include "rbit/config/translator.h"

namespace rbit::config {

/// Reads the keys of one section as the table of keys describes them. Each read is noted in
/// `Loaded::values`, each mistake in `Loaded::findings`; the default is used then.
class SectionReader {
 public:
  /// `section` may be null: everything is default then. `shown` is its name without brackets.
  /// Keeps references; REQUIRES that all keys asked for are in the table.
  SectionReader(const Ini* section, std::string_view table, std::string shown, Loaded& loaded);

  /// What the file says under any spelling of the key, or null.
  const IniValue* entry(std::string_view key) const;
  bool has(std::string_view key) const { return entry(key) != nullptr; }
  /// The same, but null for what [DEFAULT] says, which may be meant for others.
  const IniValue* own(std::string_view key) const;

  /// Puts into `into` what the key says. `into` holds the default and keeps it where nothing is
  /// said, or what the key does not want; a default that is no text stands in the table too.
  template <class T>
  void read(std::string_view name, T& into) {
    std::string computed;
    if constexpr (std::is_same_v<T, std::string>) computed = into;
    const Ini* said = noted(name, computed);
    if (!said) return;
    const Translator<T> translator{key(name), loaded_.settings.directory};
    if (auto value = said->get_value_optional<T>(translator))
      into = std::move(*value);
    else
      wrong(name, said->data().text, "is not " + wanted(key(name)));
  }
  /// Returns what the key says, or the table's default, as it is written.
  std::string text(std::string_view key);
  std::string choice(std::string_view key);  // as the table spells it
  std::vector<std::string> list(std::string_view key);
  /// Notes a value without reading it: one whose reader stands elsewhere.
  void note(std::string_view key, const std::string& value, const Place& place,
            bool secret = false);

  /// "[section] key: text" at the key's line, or `where` it is.
  void error(std::string_view key, const std::string& text, const Place& where = {});
  void warning(std::string_view key, const std::string& text, const Place& where = {});
  /// Makes an error of "'value' " and of why it is none.
  void wrong(std::string_view key, std::string_view value, const std::string& why);
  /// Makes an error unless AMQP takes it as the name of a queue or an exchange.
  void check_name(std::string_view key, const std::string& value);
  /// What only `rbit check` tells, and what --strict takes for an error.
  void doubt(std::string_view key, const std::string& text);

  const std::string& shown() const { return shown_; }
  const Ini* section() const { return section_; }
  Place place() const;  // of the section, or of the file without a line
  Loaded& loaded() { return loaded_; }

 private:
  const Key& key(std::string_view name) const;
  const Ini* node(std::string_view name) const;
  /// Notes what the key says, or else `computed`, or else the table's default. Returns what says
  /// it, or null.
  const Ini* noted(std::string_view name, const std::string& computed = "");
  Finding found(Finding::Severity severity, std::string_view key, const std::string& text,
                const Place& where = {}) const;

  const Ini* section_;
  std::string table_, shown_;
  Loaded& loaded_;
};

}  // namespace rbit::config
