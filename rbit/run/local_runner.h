#pragma once

#include <map>
#include <string>
#include <vector>

#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/job.h"
#include "rbit/core/runner.h"
#include "rbit/core/runner_policy.h"
#include "rbit/run/account.h"
#include "rbit/run/attempt.h"
#include "rbit/run/job_environment.h"
#include "rbit/run/known_directory.h"
#include "rbit/run/leader_pool.h"
#include "rbit/run/output_dir.h"
#include "rbit/run/run_place.h"
#include "rbit/run/work_places.h"
#include "rbit/run/workspace.h"

namespace rbit {

/// As whom the jobs of one runner run, where, and what is around each attempt: what all kinds of
/// runners share. `place` and `leaders` must outlive it.
class LocalRunner : public Runner {
 public:
  LocalRunner(const asio::any_io_executor& loop, RunnerPolicy policy, const RunPlace& place,
              LeaderPool& leaders);

  Task<Outcome> run(const Job& job, RunContext& context) final;

 protected:
  /// Looks up the user, and whether he can get to the work directory and artifacts to theirs. Makes
  /// nothing: `rbit check` may run as somebody else than the service. Once it succeeded, a call
  /// costs nothing.
  Result<void> find_site();

  /// Does one attempt in a workspace that is there before, and afterwards the next job's.
  virtual Task<Outcome> run_in(const Workspace& workspace, const Job& job, RunContext& context,
                               Attempt& attempt) = 0;

  // REQUIRES, for all that follows: find_site() succeeded.
  const Account& account() const { return account_; }
  /// The user whom the leader must become, or nullptr if that is us.
  const Account* other_account() const { return other_user_ ? &account_ : nullptr; }
  /// What root runs, nobody else may be able to change.
  bool runs_as_root() const;
  /// The environment of jobs and hosts, but for what a job brings.
  const std::vector<std::string>& environment() const { return environment_; }
  /// An order for a leader, with all that the policy says of it.
  JobOrder order_for(std::string what) const;

  /// Where the artifacts of a job go.
  std::string output_dir(const Job& job) const { return output_dir_.of(job); }
  /// The section's settings as that job gets them.
  std::map<std::string, std::string> settings(const Job& job) const;
  /// Fills in what the attempt knows, and keeps the artifacts.
  Task<void> complete(Outcome& outcome, const Workspace& workspace, const Job& job,
                      Attempt& attempt) const;

  asio::any_io_executor loop_;
  const RunnerPolicy policy_;
  const RunPlace& place_;
  LeaderPool& leaders_;

 private:
  Result<void> make_ready(const Workspace& workspace, const Job& job, RunContext& context);
  Result<void> make_output_dir(const Job& job);
  Result<void> put_long_facts(const Workspace& workspace, RunContext& context) const;
  void leave(Workspace workspace, const Job& job, const std::string& record_dir,
             const Outcome& outcome) const;

  const std::shared_ptr<WorkPlaces> work_places_;
  const OutputDir output_dir_;
  KnownDirectory output_top_;
  std::vector<std::string> environment_;
  Account account_ = own_account();
  bool other_user_ = false;  // not us: `user` of the policy
  bool is_found_ = false;
};

}  // namespace rbit
