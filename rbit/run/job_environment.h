#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/core/job.h"

namespace rbit {

/// The setting that no job finds in its environment: the line that runs it, which is as long as it
/// likes and may name what is nobody's business.
inline constexpr std::string_view runner_key = "runner";

/// The places a job is told of, all absolute.
struct JobPlaces {
  std::string work_dir, message_file, output_dir;
  std::string config_dir{};  // of the INI file; empty: not told
};

/// What rbit-runner(7) promises a shell job. It leaves the rest (PATH, HOME, TMPDIR, env.NAME,
/// pass-env, ...) to the runner.
struct JobEnvironment {
  std::vector<std::string> variables;  // "RBIT_PACKAGE=m1234", ...
  /// Names of those that had no room or held a NUL. They are not set: a job whose line needs one of
  /// them (RunnerLine::variables) must not be started.
  std::vector<std::string> left_out;
};

/// All RBIT_* together stay below this, so that a long message cannot make exec fail (E2BIG).
inline constexpr std::size_t job_environment_limit = 64 * 1024;

JobEnvironment job_environment(const Job& job, const std::map<std::string, std::string>& settings,
                               const JobPlaces& places);

}  // namespace rbit
