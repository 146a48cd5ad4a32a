#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "rbit/base/result.h"
#include "rbit/config/settings.h"

namespace rbit {

// What `jobs`, `log` and `explain` ask, of the rbit that runs or, if none does, of its journal.

/// The last touched first. Throws Fatal if there is no journal.
nlohmann::json ask_for_jobs(const config::Settings& settings, int limit);
/// By key or by PyBit's id.
nlohmann::json ask_for_job(const config::Settings& settings, const std::string& name);
/// The same and its story (job_story.h).
nlohmann::json ask_for_story(const config::Settings& settings, const std::string& name);

}  // namespace rbit
