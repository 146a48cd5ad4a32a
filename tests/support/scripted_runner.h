#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rbit/base/notice.h"
#include "rbit/core/runner.h"

namespace rbit::test {

/// A runner that plays: a job runs until the test ends it, or as its script says at once.
class ScriptedRunner : public Runner {
 public:
  explicit ScriptedRunner(const asio::any_io_executor& loop) : changed_(loop) {}

  /// Jobs of this package end so, at once. `before` may report statuses.
  void script(const std::string& package, Outcome outcome,
              std::function<void(RunContext&)> before = nullptr) {
    scripts_[package] = {std::move(outcome), std::move(before)};
  }
  /// Ends a job that has no script.
  void end(const std::string& package, Outcome outcome) {
    ended_[package] = std::move(outcome);
    changed_.notify();
  }
  /// The next attempt of a job that was ended runs again.
  void forget(const std::string& package) { ended_.erase(package); }
  void break_down(Error trouble) { trouble_ = std::move(trouble); }

  /// Packages in the order in which they were started.
  std::vector<std::string> started;
  std::vector<int> attempts;
  int running = 0;

  Task<Result<void>> prepare() override {
    if (!trouble_.reason.empty()) co_return trouble_;
    co_return Result<void>();
  }

  Task<Outcome> run(const Job& job, RunContext& context) override {
    started.push_back(job.request.package);
    attempts.push_back(job.attempt);
    const auto script = scripts_.find(job.request.package);
    if (script != scripts_.end()) {
      if (script->second.second) script->second.second(context);
      co_return script->second.first;
    }
    ++running;
    context.stop.listen([this](StopKind) { changed_.notify(); });
    while (ended_.count(job.request.package) == 0 && !context.stop.requested())
      co_await changed_.wait();
    --running;
    const auto ended = ended_.find(job.request.package);
    if (ended != ended_.end()) co_return ended->second;
    Outcome stopped;
    stopped.kind = *context.stop.requested() == StopKind::cancel ? Outcome::Kind::cancelled
                                                                 : Outcome::Kind::interrupted;
    co_return stopped;
  }

  Task<void> close() override { co_return; }

 private:
  std::map<std::string, std::pair<Outcome, std::function<void(RunContext&)>>> scripts_;
  std::map<std::string, Outcome> ended_;
  Error trouble_;
  Notice changed_;
};

inline Outcome outcome(Outcome::Kind kind, std::string reason = "", std::string message = "") {
  Outcome made;
  made.kind = kind;
  made.reason = std::move(reason);
  made.message = std::move(message);
  return made;
}

}  // namespace rbit::test
