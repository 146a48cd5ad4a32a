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

/// What a host is told of a job: its line, as JSON with a newline, and the token that is in it and
/// that each event of the job has to carry. What an earlier job left behind cannot know it.
struct HostJob {
  std::string line, token;
};

/// How a host is started.
struct HostOrder {
  std::vector<std::string> argv, environment;
  const Account* account = nullptr;  // another user than ours
  bool opens = false;  // a plugin's, which says once that it has opened what stays open
};

/// A host process under its own leader: it takes jobs as lines on stdin, one at a time, and answers
/// with events. On the loop's thread.
class HostChannel {
 public:
  /// Starts the host; `ready` tells whether it can work. `policy` and `leaders` must outlive it.
  static Result<std::unique_ptr<HostChannel>> start(const asio::any_io_executor& loop,
                                                    LeaderPool& leaders, const HostOrder& order,
                                                    const RunnerPolicy& policy);
  ~HostChannel();
  HostChannel(const HostChannel&) = delete;
  HostChannel& operator=(const HostChannel&) = delete;

  /// Waits until the host has loaded its runner. An Error says why it cannot.
  Task<Result<void>> ready();

  /// Does one job to its end. Then nothing of the job is left but, if `is_fit()`, the host, and
  /// that stands as it stood before. What `attempt` knows is not in the outcome yet.
  Task<Outcome> run_job(Attempt& attempt, HostJob job, Fd record_dir);

  /// Returns false if it ended before it had read the last job's line, or its code is not that of
  /// today: so nothing of that job ran.
  bool took_job() const;
  /// The file of its code that has become another one since it was loaded, or "".
  const std::string& stale_file() const;
  /// What the last job left in it, as `leftovers_text` says it, or "".
  const std::string& leftovers() const;
  int jobs_done() const;
  /// Returns whether it is alive, its code is up to date, and no job left anything in it.
  bool is_fit() const;

  /// Kills a host that has no job. Whoever waits for it is told.
  void kill();
  /// Tells it to end, waits until it has; at most 2 s are given it to do so by itself.
  Task<void> close();

 private:
  struct State;
  explicit HostChannel(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace rbit
