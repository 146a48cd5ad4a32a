#pragma once

#include <string>

/// What the manual says of the keys, made from the table of keys. Tests compare the shipped files
/// with it; `tests/support/config_reference_main.cpp` prints it.
namespace rbit::config {

/// conf/rbit.ini: every key with its text, commented out at its default, and one queue and runner
/// that work as they stand.
std::string reference_ini();

/// The groff source of the section KEYS of man/rbit.ini.5, ".SH KEYS" included.
std::string man_keys();

}  // namespace rbit::config
