#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "rbit/base/result.h"
#include "rbit/config/settings.h"
#include "rbit/journal/history.h"

namespace rbit {

// What `jobs`, `log` and `explain` ask, of the rbit that runs or, if none does, of its journal.

/// What the rbit that runs answers. Throws Fatal if none runs: it has to be done by it.
nlohmann::json ask_the_running(const config::Settings& settings, const nlohmann::json& request);

/// Whether an rbit runs, and listens.
bool has_rbit(const config::Settings& settings);
/// As `list_jobs` gives them. Throws Fatal if there is no journal.
nlohmann::json ask_for_jobs(const config::Settings& settings, const JobFilter& filter);
/// `name` as History::find takes it.
nlohmann::json ask_for_job(const config::Settings& settings, const std::string& name);
/// The same and its story (job_story.h).
nlohmann::json ask_for_story(const config::Settings& settings, const std::string& name);

}  // namespace rbit
