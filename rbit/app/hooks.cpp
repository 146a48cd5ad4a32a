#include "rbit/app/hooks.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "rbit/app/hook_sink.h"
#include "rbit/app/hooked_runner.h"
#include "rbit/base/clock.h"
#include "rbit/base/secrets.h"
#include "rbit/base/text.h"
#include "rbit/log/log.h"
#include "rbit/run/make_runner.h"
#include "rbit/run/record.h"

namespace rbit {

using config::HookEvent;

Hooks::Hooks(const asio::any_io_executor& loop, const Configuration& configuration, RunPlace place,
             std::string records, LeaderPool& leaders)
    : loop_(loop),
      place_(std::move(place)),
      records_(std::move(records)),
      opened_(loop),
      flows_(loop) {
  for (const auto& [name, settings] : configuration.settings().hooks) {
    auto runner = make_runner(loop, configuration.hooks.at(name), "hook:" + name, settings.policy,
                              place_, leaders);
    all_.push_back(std::make_unique<Hook>(settings, std::move(runner), records_));
    if (all_.back()->is_on(HookEvent::connection_fail))
      callers_.push_back(std::make_unique<Caller>(Caller{all_.back().get()}));
  }
}

std::vector<std::unique_ptr<ReportSink>> Hooks::sinks() {
  std::vector<std::unique_ptr<ReportSink>> sinks;
  for (const auto& hook : all_)
    if (hook->settings().hears_ends())
      sinks.push_back(std::make_unique<HookSink>(
          loop_, *hook, flows_, [this] { return is_open_; }, opened_));
  return sinks;
}

std::unique_ptr<Runner> Hooks::around(const std::string& name, std::unique_ptr<Runner> runner) {
  std::vector<Hook*> before;
  for (const auto& hook : all_)
    if (hook->is_on(HookEvent::before) && hook->settings().is_about(name))
      before.push_back(hook.get());
  if (before.empty()) return runner;
  return std::make_unique<HookedRunner>(std::move(runner), std::move(before));
}

Task<void> Hooks::clear_records() {
  std::error_code failed;
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(records_, failed))
    left.push_back(entry.path().string());
  for (const std::string& record : left) {
    const std::string what = "a hook (" + text::one_line(text::base_name(record), 100) + ")";
    co_await end_leftover(record, what, config::hook_grace, place_);
  }
}

Task<void> Hooks::open(bool others_run) {
  if (!others_run) co_await clear_records();
  is_open_ = true;
  opened_.notify();
  spawn(loop_, prepare(), "looking at hooks");
}

Task<void> Hooks::prepare() {
  for (const auto& hook : all_) {
    if (closing_) co_return;
    const Result<void> able = co_await hook->prepare();
    if (!able)
      log::error("[hook:" + hook->name() + "] cannot work: " + able.error().text() +
                 " (what it is for waits; `rbit check` tells when it can)");
  }
}

void Hooks::connection(bool connected, const std::string& why) {
  if (connected) tries_ = 0;
  if (connected || closing_) return;
  ++tries_;
  why_ = secrets::redacted(why);
  for (const auto& caller : callers_) {
    caller->is_due = true;
    if (!std::exchange(caller->is_running, true)) flows_.start(call(*caller), "a hook");
  }
}

/// Until there is no news that came meanwhile.
Task<void> Hooks::call(Caller& caller) {
  while (!is_open_) co_await opened_.wait();
  while (std::exchange(caller.is_due, false) && !closing_) {
    Job job;  // of none
    job.timestamp = to_seconds(SystemClock().wall());
    HookFacts facts{{"error", why_}, {"tries", std::to_string(tries_)}};
    const Outcome outcome = co_await caller.hook->run(HookEvent::connection_fail, std::move(job),
                                                      std::move(facts), caller.stop);
    if (outcome.kind != Outcome::Kind::done && outcome.kind != Outcome::Kind::interrupted)
      caller.hook->say_failure(HookEvent::connection_fail, "the broker", {}, outcome);
  }
  caller.is_running = false;
}

Task<void> Hooks::close(std::chrono::milliseconds patience) {
  closing_ = true;
  const auto end = std::chrono::steady_clock::now() + patience;
  while (flows_.count() > 0) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left.count() <= 0) break;
    co_await flows_.ended().wait_for(left);
  }
  for (const auto& caller : callers_) caller->stop.request(StopKind::interrupt);
  co_await flows_.all_ended();
  for (const auto& hook : all_) co_await hook->close();
}

}  // namespace rbit
