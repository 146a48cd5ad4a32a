#pragma once

#include <string>

#include "rbit/base/result.h"

namespace rbit {

/// Copies a job's log to standard output, or to standard error: as it is into a file or a pipe,
/// escaped line by line on a terminal, where a job must not be able to move the cursor or set the
/// title.
Result<void> print_job_output(const std::string& path, bool to_error = false);

}  // namespace rbit
