#pragma once

#include <string>

#include "rbit/base/result.h"
#include "runners/plugin/host/plugin_job.h"

namespace rbit::plugin_host {

/// A job line of rbit-runner(7).
Result<JobData> parse_job(const std::string& line);

/// What `--once` reads: a job line, or a PyBit build request (as `rbit try` takes it), which then
/// runs in the current directory.
Result<JobData> parse_job_or_request(const std::string& text);

}  // namespace rbit::plugin_host
