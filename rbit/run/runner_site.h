#pragma once

#include <functional>
#include <map>
#include <string>

#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/job.h"
#include "rbit/core/runner.h"
#include "rbit/core/runner_policy.h"
#include "rbit/run/account.h"
#include "rbit/run/artifacts.h"
#include "rbit/run/attempt.h"
#include "rbit/run/output_dir.h"
#include "rbit/run/run_place.h"
#include "rbit/run/workspace.h"

namespace rbit {

/// As whom the jobs of one runner run, and where: what all kinds of runners share. `policy` and
/// `place` must outlive it.
class RunnerSite {
 public:
  RunnerSite(const RunnerPolicy& policy, const RunPlace& place);

  /// Looks up the user, and whether he can get to the work directory and artifacts to theirs. Makes
  /// nothing: `rbit check` may run as somebody else than the service. Once it succeeded, a call
  /// costs nothing.
  Result<void> prepare();

  /// One attempt: `work` does it in a workspace that is made before and cleared afterwards.
  using Work = std::function<Task<Outcome>(const Workspace&)>;
  Task<Outcome> run(const Job& job, const RunContext& context, Attempt& attempt, const Work& work);

  // REQUIRES: prepare() succeeded.
  const Account& account() const { return account_; }
  /// The user whom the leader must become, or nullptr if that is us.
  const Account* other_account() const { return other_user_ ? &account_ : nullptr; }

  /// Returns where the artifacts of a job go.
  std::string output_dir(const Job& job) const { return output_dir_.of(job); }
  /// The section's settings as that job gets them.
  std::map<std::string, std::string> settings(const Job& job) const;
  /// Makes the job's own directories, notes them in its record, and makes its output directory if
  /// it is missing.
  Result<Workspace> make_workspace(const Job& job, const std::string& record_dir) const;
  /// Removes the workspace, or keeps it if the policy says so.
  Task<void> clear(Workspace& workspace, const Job& job) const;
  /// Where artifacts may come from and where they go.
  ArtifactOrder artifact_order(const Workspace& workspace, const Job& job) const;

 private:
  Result<void> find_user();
  Result<void> make_output_dir(const Job& job) const;

  const RunnerPolicy& policy_;
  const RunPlace& place_;
  const OutputDir output_dir_;
  Account account_ = own_account();
  bool other_user_ = false;  // not us: `user` of the policy
  bool is_prepared_ = false;
};

}  // namespace rbit
