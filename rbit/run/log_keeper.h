#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "rbit/base/notice.h"
#include "rbit/base/task.h"

namespace rbit {

/// How much of the job logs stays. 0 means no limit.
struct LogLimits {
  std::chrono::hours age{0};
  std::int64_t bytes = 0;  // of all together; the oldest go first
};

/// Removes job logs by age and size, with the old names that link to them, never those of jobs that
/// run: at the start and once an hour, on a short thread beside the loop, a few files at a time.
/// What it remembers does not grow with their number. Must outlive its `live`.
class LogKeeper {
 public:
  /// The logs of the jobs that run now, as JobLog names them: "queue/key-1.log".
  using Running = std::function<std::set<std::string>()>;

  LogKeeper(const asio::any_io_executor& loop, std::string log_dir, LogLimits limits,
            Running running);

  /// Keeps to the limits until `stop` is called.
  Task<void> live();
  /// Looks once at all logs and returns how many it removed.
  Task<std::int64_t> sweep();
  /// Ends `live`; a round that is under way stops after the file it is at.
  Task<void> stop();

 private:
  asio::any_io_executor loop_;
  std::string log_dir_;
  LogLimits limits_;
  Running running_;
  Notice changed_;
  std::atomic<bool> stopping_{false};  // read by the thread
  bool living_ = false;
};

}  // namespace rbit
