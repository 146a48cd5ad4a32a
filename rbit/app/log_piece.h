#pragma once

#include <string>

#include "rbit/base/result.h"
#include "rbit/core/job.h"
#include "rbit/monitor/page_source.h"

namespace rbit {

/// Where the logs of jobs lie.
std::string job_logs(const std::string& state_dir);
/// That of the job's attempt, if it has written anything.
std::string job_log(const std::string& state_dir, const Job& job);

/// The last line of a log that is not blank, as it looks in the end, in one line without secrets;
/// "": there is none. Reads a few KiB.
std::string last_line_of(const std::string& path);

/// Reads at most `most` bytes of a log from `from` on; negative, or behind its end: the last ones.
/// A log that is not there is empty.
Result<LogPiece> read_piece(const std::string& path, std::int64_t from, std::size_t most);

}  // namespace rbit
