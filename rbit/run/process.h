#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "rbit/base/clock.h"
#include "rbit/base/fd.h"
#include "rbit/base/result.h"
#include "rbit/base/task.h"

namespace rbit {

/// A child of ours, reaped as soon as it ends, whether somebody waits or not. Whoever wants it to
/// end tells it so; it is killed only when asked for. On the loop's thread.
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
  /// Returns false if it was still there after `limit`.
  Task<bool> wait_for(std::chrono::steady_clock::duration limit);
  /// As waitpid has it. REQUIRES: has_ended().
  int native_status() const;

 private:
  struct State;
  explicit Process(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

/// Whoever loses his parent below us comes to us, the subreaper, and in a container, where we may
/// be process 1, everybody does. Those of them that have ended are reaped here; nobody else would.
/// Returns false if one that is known stood before others: they are seen once it is reaped.
bool reap_strangers();
/// The same whenever a child has ended (SIGCHLD), for ever. On the loop's thread, as all of this.
Task<void> keep_reaping(Clock& clock);

/// Ends what the job or host of a dead leader left behind, and nothing else: what bears the
/// leader's mark (RBIT_LEADER in its environment), whatever is of one session with that, and what
/// is in the leader's control group below `cgroups` (empty: there are none). Goes on until none is
/// left, 10 s at most, and returns how many it killed.
Task<int> end_left_behind(std::string leader_id, std::string cgroups);

/// What /proc/PID/stat has behind the name: the state, the parent, ... Empty: it is gone.
std::vector<std::string> stat_of(pid_t pid);

/// SIGKILL to a process if it `is_meant`, which is asked only when a descriptor holds it: the
/// number may be another's by now. Returns false if it is not, or could not be killed.
bool kill_if(pid_t pid, const std::function<bool()>& is_meant);

}  // namespace rbit
