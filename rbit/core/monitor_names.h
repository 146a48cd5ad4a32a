#pragma once

#include <string_view>

#include "rbit/base/text.h"

namespace rbit {

/// Labels that the monitor gives metrics itself, or Prometheus does.
inline bool is_own_label(std::string_view name) {
  return text::is_one_of(name, {"state", "error", "le", "target", "place", "reason", "queue",
                                "runner", "outcome", "version"}) ||
         name.starts_with("__");
}

/// Paths where the monitor serves something else than metrics.
inline bool is_own_path(std::string_view path) {
  return text::is_one_of(path, {"/", "/plain", "/style.css", "/live", "/ready", "/healthcheck",
                                "/login", "/logout", "/events"}) ||
         path.starts_with("/api/");
}

}  // namespace rbit
