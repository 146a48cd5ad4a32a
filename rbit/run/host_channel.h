#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "rbit/base/fd.h"
#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/outcome.h"
#include "rbit/core/runner_policy.h"
#include "rbit/run/attempt.h"
#include "rbit/run/leader_pool.h"

namespace rbit {

/// What a host is told of a job: its line, as JSON with a newline, and the token that is in it and
/// that each event of the job has to carry. What an earlier job left behind cannot know it.
struct HostJob {
  std::string line, token;
};

/// What is known of a host from the jobs it was given.
struct HostPast {
  int jobs = 0;
  /// It had read the last job's line, and its code was that of today. Else nothing of that job ran.
  bool took_job = false;
  std::string stale_file;  // of its code: it has become another one since it was loaded
  std::string leftovers;   // of the last job, as `leftovers_text` says it
};

/// What the bits of wire::Left mean: {"left a thread", "changed its umask"}.
std::vector<std::string> words_of_leftovers(std::uint32_t left);

/// "left a thread, changed its umask and changed its limits", each word once.
std::string leftovers_text(const std::vector<std::string>& words);

/// A host process under its own leader: it takes jobs as lines on stdin, one at a time, and answers
/// with events. On the loop's thread.
class HostChannel {
 public:
  /// Starts the host; `ready` tells whether it can work. `order` has its command line, environment
  /// and limits. `opens`: it says once that it has opened what stays open, as a plugin's does.
  /// `policy` and `leaders` must outlive it.
  static Result<std::unique_ptr<HostChannel>> start(const asio::any_io_executor& loop,
                                                    LeaderPool& leaders, JobOrder order, bool opens,
                                                    const RunnerPolicy& policy);
  ~HostChannel();
  HostChannel(const HostChannel&) = delete;
  HostChannel& operator=(const HostChannel&) = delete;

  /// Waits until the host has loaded its runner. An Error says why it cannot.
  Task<Result<void>> ready();

  /// Does one job to its end. Then nothing of the job is left but, if `is_fit()`, the host, and
  /// that stands as it stood before. What `attempt` knows is not in the outcome yet.
  Task<Outcome> run_job(Attempt& attempt, HostJob job, std::string record);

  const HostPast& past() const;
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
