#include "rbit/dispatch/readiness.h"

#include "rbit/base/shortage.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {
// Between two looks at a broken runner.
constexpr milliseconds usual_pause{60'000};
constexpr milliseconds shortage_pause{5'000};  // if that is all it lacks
}  // namespace

void Readiness::begin() {
  for (const auto& [name, state] : all_) prepare(name);
}

void Readiness::prepare(const std::string& name) {
  State& state = all_.at(name);
  if (state.preparing || context_.patience.has_ended()) return;
  state.preparing = true;
  state.ready = false;
  ++changes_;
  spawn(context_.loop, prepare_until_ready(name), "runner preparation");
}

Task<void> Readiness::prepare_until_ready(std::string name) {
  State& state = all_.at(name);
  while (!context_.patience.has_ended()) {
    const Result<void> able = co_await state.runner->prepare();
    ++state.looks;
    if (able) break;
    Error why = able.error();
    const bool is_short = is_shortage(why.number);
    if (is_short && why.cure.empty()) why.cure = cure_of_shortage(why.number);
    const std::string trouble = why.text();
    if (state.trouble != trouble)
      log::error("[runner:" + name + "] cannot work" +
                 (is_short ? " for a shortage of this machine's" : "") +
                 ", its queues wait: " + trouble);
    state.trouble = trouble;
    context_.changed();
    looked_.notify();
    co_await context_.clock.sleep_for(is_short ? shortage_pause : usual_pause);
  }
  state.preparing = false;
  looked_.notify();
  if (context_.patience.has_ended()) co_return;
  if (!state.trouble.empty()) log::info("[runner:" + name + "] can work again");
  state.trouble.clear();
  state.ready = true;
  ++changes_;
  context_.changed();
}

Task<bool> Readiness::is_broken(std::string name) {
  const auto found = all_.find(name);
  if (found == all_.end()) co_return false;  // an earlier life had it
  State& state = found->second;
  if (context_.patience.has_ended()) co_return true;
  const int looks = state.looks;
  const bool is_known = state.preparing && !state.trouble.empty();
  prepare(name);
  while (!is_known && state.preparing && state.looks == looks) co_await looked_.wait();
  co_return !state.ready;
}

}  // namespace rbit
