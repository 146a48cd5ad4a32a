#pragma once

#include <string>

#include "rbit/base/notice.h"
#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/config/settings.h"

namespace rbit {

/// What can be done from the page at /, one JSON object each:
///
///   {"do": "cancel", "job": KEY}      {"do": "retry", "job": KEY}
///   {"do": "pause", "queue": Q}       {"do": "resume", "queue": Q}; no queue: all
///   {"do": "replay", "queue": Q, "id": KEY}, {"do": "drop", ...}: that dead letter
///
/// Each is what the command of that name does, on a thread beside the loop: it asks the broker and,
/// over the control socket, this rbit. One at a time; a few more may wait. On the loop's thread.
class PageActs {
 public:
  /// The settings outlive it.
  PageActs(const asio::any_io_executor& loop, const config::Settings& settings)
      : settings_(settings), news_(loop) {}

  /// {"ok": true, "said": what was done}
  Task<Result<std::string>> act(std::string order);
  /// {"letters": as dead_clerk.h lists them, "more": whether there are more than those}
  Task<Result<std::string>> dead_letters();
  /// Does no more, and returns once nothing is under way.
  Task<void> close();

 private:
  using Work = std::string (*)(const config::Settings& settings, const std::string& order);
  Task<Result<std::string>> carry_out(Work work, std::string order);

  const config::Settings& settings_;
  Notice news_;  // of an end
  bool is_busy_ = false, is_closed_ = false;
  int waiting_ = 0;
};

}  // namespace rbit
