#include "rbit/app/hooked_runner.h"

#include <utility>

#include "rbit/core/job_facts.h"
#include "rbit/log/log.h"
#include "rbit/run/outcome_of.h"

namespace rbit {

using config::HookEvent;

HookedRunner::HookedRunner(std::unique_ptr<Runner> runner, std::vector<Hook*> hooks)
    : runner_(std::move(runner)), hooks_(std::move(hooks)) {}

Task<Result<void>> HookedRunner::prepare() {
  for (Hook* hook : hooks_) {
    if (!hook->settings().required) continue;
    const Result<void> able = co_await hook->prepare();
    if (able) continue;
    Error why = able.error();
    why.thing = "its [hook:" + hook->name() + "]" + (why.thing.empty() ? "" : ": " + why.thing);
    co_return why;
  }
  co_return co_await runner_->prepare();
}

Task<Outcome> HookedRunner::run(const Job& job, RunContext& context) {
  std::optional<Outcome> instead = co_await run_hooks(job, context);
  if (instead) co_return std::move(*instead);
  co_return co_await runner_->run(job, context);
}

Task<std::optional<Outcome>> HookedRunner::run_hooks(const Job& job, RunContext& context) {
  while (context.hooks_passed < hooks_.size()) {
    Hook& hook = *hooks_[context.hooks_passed];
    if (context.stop.requested()) break;  // the runner says what that means
    Job its_job = job;
    HookFacts facts;
    Outcome outcome =
        co_await hook.run(HookEvent::before, std::move(its_job), std::move(facts), context.stop);
    const bool was_asked =
        outcome.kind == Outcome::Kind::cancelled || outcome.kind == Outcome::Kind::interrupted;
    const bool is_short = outcome.kind == Outcome::Kind::not_started && outcome.shortage != 0;
    if (was_asked || is_short) co_return outcome;
    ++context.hooks_passed;
    if (outcome.kind == Outcome::Kind::done) continue;
    if (!hook.settings().required) {
      hook.say_failure(HookEvent::before, "job " + job.name(), facts_of(job), outcome);
      continue;
    }
    if (outcome.kind == Outcome::Kind::not_started) co_return outcome;
    const auto kind =
        outcome.kind == Outcome::Kind::blocked ? Outcome::Kind::blocked : Outcome::Kind::failed;
    Outcome verdict = make_outcome(kind, "hook", hook.text_of(outcome));
    verdict.log_file = outcome.log_file;
    co_return verdict;
  }
  co_return std::nullopt;
}

Task<void> HookedRunner::close() {
  return runner_->close();
}

}  // namespace rbit
