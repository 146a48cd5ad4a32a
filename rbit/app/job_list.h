#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

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

/// The message that somebody means which waits in the embedded queue, as `list_jobs` has it: by its
/// key, PyBit's number, or the beginning of a key, among the first thousand of each queue. None:
/// there is none, or there are several.
std::optional<nlohmann::json> find_queued(Database& database, const Broker& broker,
                                          const config::Settings& settings,
                                          const std::string& name);
/// Why nothing can be shown of it.
Error not_begun(const nlohmann::json& queued);

/// For the control socket. What is missing or of another kind is not asked for.
nlohmann::json to_json(const JobFilter& filter);
JobFilter job_filter_from(const nlohmann::json& request);

}  // namespace rbit
