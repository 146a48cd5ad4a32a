#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "rbit/app/job_filter.h"
#include "rbit/base/database.h"
#include "rbit/base/result.h"
#include "rbit/config/settings.h"
#include "rbit/core/broker.h"
#include "rbit/journal/history.h"

namespace rbit {

/// The jobs that fit: those that have not begun and wait in the embedded queue, the last in its
/// line first, then those of the journal, the last touched first. Where there are too many half of
/// the list at the least is for those that wait. Each as `describe` (control_handlers.h) has it; of
/// one that has not begun `queued` is when it came there and `attempt` 0.
nlohmann::json list_jobs(Database& database, const Broker& broker, const config::Settings& settings,
                         const JobFilter& filter);

/// Of those that fit and have not begun, of the embedded queue, the first `limit` of all queues,
/// the first one first.
std::vector<nlohmann::json> queued_jobs(Database& database, const Broker& broker,
                                        const config::Settings& settings, const JobFilter& filter);

/// The key of the job that somebody means, in the journal or among the first thousand that wait in
/// each embedded queue: by its key or PyBit's number, which count before everything shorter, by
/// `last`, the one that began last, or by the beginning of a key that no other has. An Error: there
/// is none, or there are several.
Result<std::string> find_job(Database& database, const Broker& broker,
                             const config::Settings& settings, const std::string& name);
/// The message of that key which waits in the embedded queue, as `list_jobs` has it, among the
/// first thousand of each queue. None: it is not there.
std::optional<nlohmann::json> find_queued(Database& database, const Broker& broker,
                                          const config::Settings& settings, const std::string& key);
/// Why nothing can be shown of it.
Error not_begun(const nlohmann::json& queued);

}  // namespace rbit
