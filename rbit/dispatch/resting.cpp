// Of rbit/dispatch/dispatcher.h: a hand-over, from both sides (rbit/doc/order.rst, hand-over).

#include <utility>

#include "rbit/dispatch/dispatcher.h"

namespace rbit {

namespace {
constexpr milliseconds look_pause{5};
}

Task<Result<void>> Dispatcher::come_to_rest(milliseconds limit) {
  const SteadyTime end = context_.clock.steady() + limit;
  context_.keeping.prepare();
  early_ack_.claim_all();
  for (;;) {
    const std::string why = unrest();
    if (why.empty()) co_return Result<void>();
    if (context_.clock.steady() >= end) {
      give_up_rest();
      co_return Error{"the running rbit", "cannot hand over now: " + why,
                      "try again in a moment, or wait until it has ended"};
    }
    co_await context_.clock.sleep_for(look_pause);
  }
}

/// What is between two steps. Empty: nothing is.
std::string Dispatcher::unrest() const {
  int under_way = 0;
  for (const auto& [key, running] : context_.ledger.all_running()) {
    const Job& job = running->job;
    if (!running->under_way || running->pumping || running->claiming)
      return "job " + job.name() + " is being put on record";
    if (job.may_be_owned && !job.owned)
      return running->ack_after ? "job " + job.name() + " is not on record as ours yet"
                                : "job " + job.name() +
                                      " runs, whose message shall stay with the broker to its end "
                                      "(ack-after of [runner:" +
                                      job.runner + "])";
    ++under_way;
  }
  const bool others = context_.flows.count() != under_way || context_.ledger.is_settling();
  return others ? "messages are being answered" : "";
}

void Dispatcher::stop_job(const std::string& key, StopKind kind) {
  RunningJob* const running = context_.ledger.running(key);
  if (running != nullptr && !running->has_verdict) running->stop.request(kind);
}

void Dispatcher::follow(OpenAttempt open, std::unique_ptr<KeptAttempt> kept) {
  context_.flows.start(follow_to_its_end(std::move(open), std::move(kept)), "a kept attempt");
}

Task<void> Dispatcher::follow_to_its_end(OpenAttempt open, std::unique_ptr<KeptAttempt> kept) {
  const std::string key = open.job.key;
  Binding stranger;  // of a queue that is not read any more
  stranger.queue = open.job.queue;
  stranger.runner_name = open.job.runner;
  const std::shared_ptr<const Binding> known = binding_of(open.job.queue, open.job.runner);
  const Binding& binding = known != nullptr ? *known : stranger;
  open.job.may_be_owned = context_.transport.has_acknowledgement_timeout();
  const bool is_owned = open.job.owned;
  Slot slot = context_.slots.take_anyway(open.job.runner);
  const bool over = co_await flow_.follow(binding, std::move(open.job), std::move(slot), *kept);
  if (!over && is_owned) owned_.take_over(key);
}

}  // namespace rbit
