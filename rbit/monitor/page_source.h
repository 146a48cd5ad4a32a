#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/monitor/event_stream.h"

namespace rbit {

/// A piece of a job's output, as it was written.
struct LogPiece {
  std::string bytes;
  std::int64_t from = 0, next = 0;  // its place in the log, and that of what follows
  std::int64_t size = 0;            // of the log now
  int attempt = 0;
  bool is_open = false;  // more may come: the attempt runs
};

/// What is wanted of it.
struct LogWish {
  std::string key;
  int attempt = 0;         // 0: the last
  std::int64_t from = -1;  // negative: the end of it, as much as fits
};

/// Where the page asks; filled by the app, called on the loop's thread. None of it: there is only
/// the plain page.
struct PageSource {
  /// The state, each part as JSON in one line (page_feed.h).
  std::function<Task<StateParts>()> state;
  /// The story of a job as `rbit explain --json` has it, or its Error.
  std::function<Result<std::string>(const std::string& key)> job;
  std::function<Task<Result<LogPiece>>(LogWish wish)> log;
  /// Does what somebody wants who may (page_acts.h), and gives the answer as JSON.
  std::function<Task<Result<std::string>>(std::string order)> act;
  /// The dead letters of all queues as JSON.
  std::function<Task<Result<std::string>>()> dead;
};

}  // namespace rbit
