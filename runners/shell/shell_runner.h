#pragma once

#include "rbit/run/local_runner.h"
#include "rbit/run/runner_line.h"

namespace rbit {

/// `shell!line`: /bin/sh, or the section's own shell, -c line; a fresh process a job, the exit code
/// is the verdict. `leaders` must outlive it.
class ShellRunner : public LocalRunner {
 public:
  ShellRunner(const asio::any_io_executor& loop, RunnerLine line, RunnerPolicy policy,
              const RunPlace& place, LeaderPool& leaders);

  Task<Result<void>> prepare() override;
  Task<void> close() override;

 private:
  std::string shown(const std::string& variable) const;
  Result<JobOrder> order(const Job& job, const RunContext& context, const Workspace& workspace);
  Result<void> find_its_program() const;
  Task<Outcome> run_in(const Workspace& workspace, const Job& job, RunContext& context,
                       Attempt& attempt) override;

  const RunnerLine line_;
};

}  // namespace rbit
