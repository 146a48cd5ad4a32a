#pragma once

#include <nlohmann/json_fwd.hpp>

#include "rbit/base/database.h"
#include "rbit/base/result.h"
#include "rbit/config/settings.h"
#include "rbit/core/broker.h"
#include "rbit/journal/history.h"

namespace rbit {

/// As many as one list may hold: it is made on the loop of the rbit that runs.
inline constexpr int most_listed = 10'000;

/// The jobs that fit: those that have not begun and wait in the embedded queue, the last in its
/// line first, then those of the journal, the last touched first. Where there are too many half of
/// the list at the least is for those that wait. Each as `describe` (control_handlers.h) has it; of
/// one that has not begun `queued` is when it came there and `attempt` 0.
nlohmann::json list_jobs(Database& database, const Broker& broker, const config::Settings& settings,
                         const JobFilter& filter);

/// For the control socket. What is missing or of another kind is not asked for.
nlohmann::json to_json(const JobFilter& filter);
JobFilter job_filter_from(const nlohmann::json& request);

}  // namespace rbit
