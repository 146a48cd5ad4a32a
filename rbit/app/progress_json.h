#pragma once

#include <nlohmann/json_fwd.hpp>

#include "rbit/core/publication.h"

namespace rbit {

/// {"done", "total", "text"}, as the control socket and `--json` have it.
nlohmann::json to_json(const Progress& progress);
Progress progress_from(const nlohmann::json& said);

}  // namespace rbit
