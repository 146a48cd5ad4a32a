#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "rbit/base/fd.h"
#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/outcome.h"
#include "rbit/core/runner_policy.h"
#include "rbit/run/account.h"
#include "rbit/run/attempt.h"
#include "rbit/run/leader_pool.h"

namespace rbit {

/// How a host is started.
struct HostOrder {
  std::vector<std::string> argv, environment;
  const Account* account = nullptr;  // another user than ours
};

/// A host process under its own leader: it takes jobs as lines on stdin, one at a time, and answers
/// with events (DESIGN.md 4). On the loop's thread.
class HostChannel {
 public:
  /// The host is started; whether it can work, `ready` tells. `policy` and `leaders` must outlive
  /// it.
  static Result<std::unique_ptr<HostChannel>> start(const asio::any_io_executor& loop,
                                                    LeaderPool& leaders, const HostOrder& order,
                                                    const RunnerPolicy& policy);
  ~HostChannel();
  HostChannel(const HostChannel&) = delete;
  HostChannel& operator=(const HostChannel&) = delete;

  /// Ends when it has loaded its runner. An Error: why it cannot.
  Task<Result<void>> ready();

  /// One job to its end; `line` is the job as JSON with a newline. When it ends nothing of the job
  /// is left but, if `is_fit()`, the host. What `attempt` knows is not in the outcome yet.
  Task<Outcome> run_job(Attempt& attempt, std::string line, Fd record_dir);

  /// False: it ended before it had read the last job's line, so nothing of that job ran.
  bool took_job() const;
  int jobs_done() const;
  /// Alive, and not one that twice left something open or behind.
  bool is_fit() const;

  /// SIGKILL, for one that has no job. What waits for it is told.
  void kill();
  /// Tells it to end, waits until it has; at most 2 s are given it to do so by itself.
  Task<void> close();

 private:
  struct State;
  explicit HostChannel(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace rbit
