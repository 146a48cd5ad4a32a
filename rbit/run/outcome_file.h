#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rbit/base/result.h"
#include "rbit/core/outcome.h"

namespace rbit {

/// Written by a runner where an outcome holds more than a leader knows (artifacts, and what the job
/// gives), before the journal has it. `recover_attempt` believes it first. Ends the job's own ways
/// only; nothing is written of one that was cancelled, interrupted or not started.
Result<void> write_outcome(const std::string& record, const Outcome& outcome);

/// The same of every end, whole: of a kept attempt this is all that its rbit's successor gets.
Result<void> write_any_outcome(const std::string& record, const Outcome& outcome);

/// None: there is none, or it is not whole. Safe with any bytes.
std::optional<Outcome> read_outcome(const std::string& record);

/// Notes beside the record of a kept attempt what it sends before its end; `number` rises. Gives
/// the file's path.
Result<std::string> write_publication(const std::string& record, int number,
                                      const Publication& publication);
/// The files of all that are there, in their order.
std::vector<std::string> publications_beside(const std::string& record);
/// As `read_outcome`.
std::optional<Publication> read_publication(const std::string& path);

}  // namespace rbit
