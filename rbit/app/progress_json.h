#pragma once

#include <nlohmann/json_fwd.hpp>

#include "rbit/core/progress_text.h"

namespace rbit {

/// {"done", "total", "text"}, as the control socket and `--json` have it.
nlohmann::json to_json(const Progress& progress);
/// The same and, if that is known, "due": when it will be done, microseconds since 1970.
nlohmann::json to_json(const ToldProgress& progress);
ToldProgress progress_from(const nlohmann::json& said);

}  // namespace rbit
