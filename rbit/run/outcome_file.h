#pragma once

#include <optional>
#include <string>

#include "rbit/base/result.h"
#include "rbit/core/outcome.h"

namespace rbit {

/// Written by a runner where an outcome holds more than a leader knows (artifacts, and what the job
/// gives), before the journal has it. `recover_attempt` believes it first. Ends the job's own ways
/// only; nothing is written of one that was cancelled, interrupted or not started.
Result<void> write_outcome(const std::string& record, const Outcome& outcome);

/// None: there is none, or it is not whole. Safe with any bytes.
std::optional<Outcome> read_outcome(const std::string& record);

}  // namespace rbit
