#include "rbit/dispatch/readiness.h"

#include "rbit/base/shortage.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {
// Between two looks at a broken runner.
constexpr milliseconds usual_pause{60'000};
constexpr milliseconds shortage_pause{5'000};  // if that is all it lacks
}  // namespace

void Readiness::add(const std::string& name, std::shared_ptr<Runner> runner, bool ready) {
  remove(name);
  const auto state = std::make_shared<State>();
  state->runner = std::move(runner);
  state->ready = ready;
  all_[name] = state;
  ++changes_;
}

/// A look at it that is under way ends for itself.
void Readiness::remove(const std::string& name) {
  const auto found = all_.find(name);
  if (found == all_.end()) return;
  found->second->runner.reset();
  all_.erase(found);
  ++changes_;
}

void Readiness::begin() {
  for (const auto& [name, state] : all_)
    if (!state->ready) prepare(name, state);
}

void Readiness::prepare(const std::string& name, const std::shared_ptr<State>& state) {
  if (state->preparing || context_.patience.has_ended()) return;
  state->preparing = true;
  state->ready = false;
  ++changes_;
  spawn(context_.loop, prepare_until_ready(name, state), "runner preparation");
}

Task<void> Readiness::prepare_until_ready(std::string name, std::shared_ptr<State> state) {
  while (!context_.patience.has_ended()) {
    std::shared_ptr<Runner> runner = state->runner;
    if (!runner) break;
    const Result<void> able = co_await runner->prepare();
    runner.reset();  // it is not kept for this alone
    ++state->looks;
    if (able || !state->runner) break;
    Error why = able.error();
    const bool is_short = is_shortage(why.number);
    if (is_short && why.cure.empty()) why.cure = cure_of_shortage(why.number);
    const std::string trouble = why.text();
    if (state->trouble != trouble)
      log::error("[runner:" + name + "] cannot work" +
                 (is_short ? " for a shortage of this machine's" : "") +
                 ", its queues wait: " + trouble);
    state->trouble = trouble;
    context_.changed();
    looked_.notify();
    co_await context_.clock.sleep_for(is_short ? shortage_pause : usual_pause);
  }
  state->preparing = false;
  looked_.notify();
  if (context_.patience.has_ended() || !state->runner) co_return;
  if (!state->trouble.empty()) log::info("[runner:" + name + "] can work again");
  state->trouble.clear();
  state->ready = true;
  ++changes_;
  context_.changed();
}

Task<bool> Readiness::is_broken(std::string name, std::shared_ptr<Runner> runner) {
  if (runner == nullptr) co_return false;  // an earlier life had it
  const auto found = all_.find(name);
  if (context_.patience.has_ended() || found == all_.end()) co_return true;
  const std::shared_ptr<State> state = found->second;
  if (state->runner != runner) co_return true;
  const int looks = state->looks;
  const bool is_known = state->preparing && !state->trouble.empty();
  prepare(name, state);
  while (!is_known && state->preparing && state->looks == looks) co_await looked_.wait();
  co_return !state->ready;
}

}  // namespace rbit
