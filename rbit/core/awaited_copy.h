#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace rbit {

/// A copy that was put at the broker for the next attempt of a job, and has not come here yet.
struct AwaitedCopy {
  std::string key, queue, job_id, web_host;
  /// What people call the job: PyBit's number, or its key where it has none.
  const std::string& name() const { return job_id.empty() ? key : job_id; }

  int attempt = 0;  // the last one
  int next_attempt = 0;
  std::chrono::milliseconds delay{0};  // that it was to wait
  // Microseconds since 1970: since when it is there, and when it has waited.
  std::int64_t since = 0, due = 0;
};

}  // namespace rbit
