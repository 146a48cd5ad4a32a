#pragma once

#include <map>
#include <memory>
#include <string>

#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/config/settings.h"
#include "rbit/core/job.h"
#include "rbit/core/job_facts.h"
#include "rbit/core/outcome.h"
#include "rbit/core/runner.h"

namespace rbit {

/// What a hook is told beside its job's message: RunContext::facts.
using HookFacts = std::map<std::string, std::string>;

/// One [hook:NAME]. Its process runs as a job's does, under a leader and in a workspace of its own,
/// and what it does can harm nobody: it publishes nothing, keeps no artifacts, is ended in time. On
/// the loop's thread; several runs may be under way.
class Hook {
 public:
  /// `records`: where its leaders' records are made; see Hooks.
  Hook(config::HookSettings settings, std::unique_ptr<Runner> runner, std::string records);

  const config::HookSettings& settings() const { return settings_; }
  const std::string& name() const { return settings_.name; }
  bool is_on(config::HookEvent event) const { return settings_.on.contains(event); }

  /// What its line needs is there. An Error: no run could begin.
  Task<Result<void>> prepare();
  /// Runs it once, to its end. What it says is in its log and in the outcome. A request through
  /// `stop` ends it early.
  Task<Outcome> run(config::HookEvent event, Job job, HookFacts facts, StopRequest& stop);
  Task<void> close();

  /// Says in the log that it failed, and how, `about` what: "job 36".
  void say_failure(config::HookEvent event, const std::string& about, const JobFacts& facts,
                   const Outcome& outcome);
  /// "[hook:NAME] exit 3: its last words".
  std::string text_of(const Outcome& outcome) const;

 private:
  Result<std::string> make_record();

  const config::HookSettings settings_;  // a reload replaces those of the configuration
  std::unique_ptr<Runner> runner_;
  std::string records_;
  int runs_ = 0;
};

}  // namespace rbit
