#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "rbit/base/fd.h"
#include "rbit/base/result.h"
#include "rbit/base/task.h"

namespace rbit {

/// A child of ours, reaped as soon as it ends, whether somebody waits or not. Whoever wants it to
/// end tells it so; it is killed only when asked for (P1). On the loop's thread.
class Process {
 public:
  /// Starts `argv[0]` (a path) in a session of its own, with signals as at boot, an empty
  /// environment, `channel` as descriptor 3, /dev/null as 0 to 2, and nothing else open.
  static Result<Process> start(const asio::any_io_executor& loop,
                               const std::vector<std::string>& argv, Fd channel);

  pid_t pid() const;
  bool has_ended() const;
  /// By SIGSTOP: it does nothing until somebody sends SIGCONT.
  bool is_stopped() const;
  void kill();
  Task<void> wait();
  /// False: it was still there after `limit`.
  Task<bool> wait_for(std::chrono::steady_clock::duration limit);
  /// As waitpid has it. REQUIRES: has_ended().
  int native_status() const;

 private:
  struct State;
  explicit Process(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

/// What a dead leader left behind comes to us, the subreaper: SIGKILL to every child that no
/// Process stands for, until none is left, 10 s at most (RELIABILITY.md 6.1). How many.
Task<int> kill_orphans();

}  // namespace rbit
