#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rbit::config {

enum class KeyType { text, path, number, fraction, duration, size, space, flag, choice, list };

/// One key of the INI file. The table of them feeds the parser, the check for unknown keys, `show`,
/// conf/rbit.ini and the manual page.
struct Key {
  std::string_view section;  // "rbit" (also [coyote]), "amqp", "runner" for [runner:NAME], ...
  std::string_view name;     // one that ends in '.' begins a family: "env." of env.NAME
  KeyType type = KeyType::text;
  std::string fallback;            // what counts without it, as it would be written
  std::string_view doc;            // one sentence or two, for people
  long long least = 0, most = 0;   // of a number
  std::string_view choices = "";   // of a choice, with '|' between
  std::string_view old_name = "";  // another spelling that stays valid
  bool secret = false;

  bool family() const { return name.ends_with('.'); }
};

/// In the order of the reference file; the keys of a section stand together.
std::span<const Key> key_table();

/// The key that is so written in that section of the table (an old spelling, '_' for '-' outside of
/// runners and the members of families count), or null.
const Key* find_key(std::string_view section, std::string_view written);

/// All names of a section, for did-you-mean. Families are left out.
std::vector<std::string> key_names(std::string_view section);

/// "rbit" for [rbit] and [coyote], "runner" for [runner:x], the name itself for the other sections
/// of the table, else empty.
std::string_view table_section(std::string_view section);

/// Whether it is one of Python's logging sections.
bool is_logging_section(std::string_view section);

/// Returns whether the name has password, secret, token or key in it: its value is shown to nobody.
bool is_secret_name(std::string_view key);

/// "a number from 1 to 65535", "a duration such as 30, 90s, 2m, 1h", ...: what the key wants.
std::string wanted(const Key& key);

}  // namespace rbit::config
