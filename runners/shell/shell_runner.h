#pragma once

#include <string>

#include "rbit/core/runner.h"
#include "rbit/core/runner_policy.h"
#include "rbit/run/attempt.h"
#include "rbit/run/leader_pool.h"
#include "rbit/run/run_place.h"
#include "rbit/run/runner_line.h"
#include "rbit/run/runner_site.h"

namespace rbit {

/// `shell!line`: /bin/sh, or the section's own shell, -c line; a fresh process a job, the exit code
/// is the verdict. `leaders` must outlive it.
class ShellRunner : public Runner {
 public:
  ShellRunner(const asio::any_io_executor& loop, RunnerLine line, std::string name,
              RunnerPolicy policy, RunPlace place, LeaderPool& leaders);

  Task<Result<void>> prepare() override;
  Task<Outcome> run(const Job& job, RunContext& context) override;
  Task<void> close() override;

 private:
  Result<JobOrder> order(const Job& job, const RunContext& context, const Workspace& workspace);
  Result<void> find_its_program() const;
  Task<Outcome> run_in(const Workspace& workspace, const Job& job, RunContext& context,
                       Attempt& attempt);

  asio::any_io_executor loop_;
  RunnerLine line_;
  std::string name_;
  RunnerPolicy policy_;
  RunPlace place_;
  LeaderPool& leaders_;
  RunnerSite site_;
};

}  // namespace rbit
