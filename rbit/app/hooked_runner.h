#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "rbit/app/hook.h"
#include "rbit/core/runner.h"

namespace rbit {

/// A runner whose jobs have hooks before them: each is run in the job's slot before its process is
/// started, in the order of their names. A required one that fails fails the job, reason `hook`;
/// one that asks for it (exit code 75) makes it Blocked. A required hook that cannot work is as a
/// runner that cannot: no job is taken for it.
class HookedRunner : public Runner {
 public:
  /// `hooks` must outlive it.
  HookedRunner(std::unique_ptr<Runner> runner, std::vector<Hook*> hooks);

  Task<Result<void>> prepare() override;
  Task<Outcome> run(const Job& job, RunContext& context) override;
  Task<void> close() override;

 private:
  /// What the job ends with instead; none: it may begin.
  Task<std::optional<Outcome>> run_hooks(const Job& job, RunContext& context);

  std::unique_ptr<Runner> runner_;
  std::vector<Hook*> hooks_;
};

}  // namespace rbit
