#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rbit/log/record.h"

namespace rbit::log {

/// A [logger_NAME] of Python's logging sections: what it says counts for its children too.
struct LoggerSettings {
  std::string name;            // "rbit", "rbit.x", "roadrunners"; empty: root
  std::optional<Level> level;  // none: its parent's
  std::vector<int> handlers;   // their places in Settings::handlers
  bool propagate = true;       // to the handlers of its parents
};

}  // namespace rbit::log
