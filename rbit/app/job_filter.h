#pragma once

#include <nlohmann/json_fwd.hpp>

#include "rbit/journal/history.h"

namespace rbit {

/// As many as one list may hold: it is made on the loop of the rbit that runs.
inline constexpr int most_listed = 10'000;

/// For the control socket. What is missing or of another kind is not asked for.
nlohmann::json to_json(const JobFilter& filter);
JobFilter job_filter_from(const nlohmann::json& request);

}  // namespace rbit
