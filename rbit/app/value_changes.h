#pragma once

#include <string>
#include <vector>

#include "rbit/config/settings.h"

namespace rbit {

/// One value that a new configuration has otherwise than the one in force.
struct ValueChange {
  std::string section, key;  // section without its brackets
  std::string from, to;      // as they may be shown; "(default)" where nothing is written
  bool waits = false;        // for a restart
  bool is_taken_by_log = false;

  /// "[runner:make] timeout: 5s -> 10s"
  std::string text() const;
};

/// What has changed, in the order of the new file; what it does not have any more comes last.
std::vector<ValueChange> value_changes(const config::Loaded& in_force, const config::Loaded& next);

/// The new values as far as a running rbit takes them, the old ones where it has to be started
/// again for them.
config::Settings settings_taken(const config::Settings& in_force, const config::Settings& next);
std::vector<config::Value> values_taken(const std::vector<config::Value>& in_force,
                                        const std::vector<config::Value>& next);

}  // namespace rbit
