#pragma once

#include <boost/optional.hpp>
#include <string>

#include "rbit/config/ini.h"
#include "rbit/config/key_table.h"

namespace rbit::config {

/// By this Boost.PropertyTree makes a T of what a key says: a number (int), a size in bytes
/// (std::int64_t), a fraction (double), yes or no (bool), a duration (milliseconds), free space, a
/// list, a text. A text is read as the key's type has it: a path becomes absolute, a choice is
/// spelled as in the table.
template <class T>
struct Translator {
  using internal_type = IniValue;
  using external_type = T;

  const Key& key;
  const std::string& directory;  // where relative paths start

  /// Gives none for what is no such value, or none that the key allows.
  boost::optional<T> get_value(const IniValue& value) const;
};

}  // namespace rbit::config
