#include "rbit/dispatch/before_build.h"

#include <cstdint>
#include <string>
#include <utility>

#include "rbit/core/job_facts.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

constexpr int most_waits = 1'000;  // as many as `attempts` may be

/// How often the message was put back; a stranger's nonsense is 0.
int waits_of(const Message& message) {
  return static_cast<int>(number_in(message, waited_header, most_waits));
}

Outcome::Kind outcome_of(Standing::Kind kind) {
  if (kind == Standing::Kind::done) return Outcome::Kind::done;
  return kind == Standing::Kind::failed ? Outcome::Kind::failed : Outcome::Kind::cancelled;
}

}  // namespace

BuildCheck check_build(const Standing& standing, const BuildClaims& claims) {
  switch (standing.kind) {
    case Standing::Kind::unclear:  // a front-end that is away must not cost a job
    case Standing::Kind::waiting:
      return BuildCheck::build;
    case Standing::Kind::building:
      if (!standing.elsewhere || claims.known) return BuildCheck::build;
      return claims.waited < claims.attempts ? BuildCheck::put_back : BuildCheck::build;
    case Standing::Kind::failed:
      return claims.replayed ? BuildCheck::build : BuildCheck::accept;
    case Standing::Kind::unknown:
    case Standing::Kind::done:
    case Standing::Kind::cancelled:
      break;
  }
  return BuildCheck::accept;
}

Task<BeforeBuild::Verdict> BeforeBuild::look(const Binding& binding, RunningJob& running,
                                             Slot& slot) {
  Standing standing;
  if (!cancels_.is_wanted(running)) {
    standing = co_await context_.observer.before(running.job);
    if (context_.patience.has_ended() && !cancels_.is_wanted(running)) co_return Verdict::go_back;
  }
  if (cancels_.is_wanted(running)) {
    co_await cancels_.end(running, slot);
    co_return Verdict::over;
  }
  const Message& message = running.deliveries.front().message();
  BuildClaims claims;
  claims.known = running.seen_before;
  claims.replayed = replayed_at(message) > 0;
  claims.waited = waits_of(message);
  claims.attempts = binding.retry.attempts();
  switch (check_build(standing, claims)) {
    case BuildCheck::build:
      break;
    case BuildCheck::accept:
      co_await accept_unbuilt(running, slot, std::move(standing));
      co_return Verdict::over;
    case BuildCheck::put_back: {
      log::info("job " + running.job.name() + " is not built yet: " + standing.said,
                facts_of(running.job));
      const bool away = co_await put_back(binding, running, claims.waited);
      if (away) co_return Verdict::over;
    }
  }
  co_return Verdict::begin;
}

/// Returns false if no queue takes its copy, so that it is built now. A broker that is blocked is
/// waited for, in the job's slot: that is rare, and the job is being built elsewhere.
Task<bool> BeforeBuild::put_back(const Binding& binding, RunningJob& running, int waited) {
  const Settlement later = binding.retry.put_back(running.job, "another client builds it");
  const Settlement answered = Settlement::accept();
  Backoff backoff = Patience::pauses();
  bool copied = false;
  running.has_verdict = true;  // whoever cancels it finds it again when it comes back
  while (!running.deliveries.empty()) {
    Delivery delivery = std::move(running.deliveries.back());
    running.deliveries.pop_back();
    delivery.mark(waited_header, std::int64_t{waited + 1});
    while (!delivery.is_void()) {  // a void one comes again by itself
      const Result<void> done = co_await delivery.settle(copied ? answered : later);
      copied = copied || done.has_value();
      if (done || context_.patience.has_ended()) break;
      if (delivery.refusal() == CopyRefusal::lasting) {
        log::warning("job " + running.job.name() +
                         " cannot be put back, it is built at once: " + done.error().text(),
                     facts_of(running.job));
        running.deliveries.push_back(std::move(delivery));
        running.has_verdict = false;
        co_return false;
      }
      co_await context_.patience.pause(backoff.next());
    }
  }
  co_return true;
}

/// Nobody is told: that is what the front-end said itself.
Task<void> BeforeBuild::accept_unbuilt(RunningJob& running, Slot& slot, Standing standing) {
  running.has_verdict = true;
  slot.reset();
  const std::string line = "job " + running.job.name() + " is not built, its message is accepted: ";
  const log::Fields facts = facts_of(running.job);
  if (standing.kind == Standing::Kind::failed)
    log::warning(line + standing.said + " (`rbit dead replay` or a retry there builds it)", facts);
  else if (standing.kind == Standing::Kind::unknown)
    log::warning(line + standing.said + " (check [status] url, or set check-before-build = no)",
                 facts);
  else
    log::info(line + standing.said, facts);
  Outcome outcome;
  outcome.kind = outcome_of(standing.kind);
  outcome.reason = outcome.kind == Outcome::Kind::cancelled ? "cancelled" : "";
  outcome.message = "not built: " + standing.said;
  const Settlement settlement = Settlement::accept();
  const auto finished =
      co_await recorder_.finish(running.job, "", outcome, settlement, Recorder::Tell::nobody);
  if (!finished.on_record) co_return;
  context_.observer.status(report_on(running.job, status_of(outcome, settlement), outcome.reason,
                                     outcome.message, context_.clock));
  co_await settling_.settle_all(running, settlement);
}

}  // namespace rbit
