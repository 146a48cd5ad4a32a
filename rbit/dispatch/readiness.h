#pragma once

#include <map>
#include <memory>
#include <string>

#include "rbit/dispatch/dispatch_context.h"

namespace rbit {

/// Which runners can work now. One that cannot is looked at again and again. On the loop's thread.
class Readiness {
 public:
  explicit Readiness(DispatchContext& context) : context_(context), looked_(context.loop) {}

  ~Readiness() {  // looks that are under way outlive it, and the runners must not
    for (const auto& [name, state] : all_) state->runner.reset();
  }
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;

  /// Another runner of the same name takes the place of the one before. `ready`: it was found so;
  /// else it is looked at by `begin`.
  void add(const std::string& name, std::shared_ptr<Runner> runner, bool ready = false);
  /// There is no such runner any more.
  void remove(const std::string& name);
  /// Looks at all of them for the first time.
  void begin();

  /// How often the answer to that has changed, of any runner.
  int changes() const { return changes_; }
  bool is_ready(const std::string& name) const { return all_.at(name)->ready; }
  /// Why it cannot work; empty: it can, or was not looked at yet.
  const std::string& trouble(const std::string& name) const { return all_.at(name)->trouble; }
  /// For a job that could not be started: looks at its runner now. One that can work after all has
  /// failed this job only. While rbit stops, all are broken, and so is one that another has taken
  /// the place of: the job goes back.
  Task<bool> is_broken(std::string name, std::shared_ptr<Runner> runner);

 private:
  struct State {
    std::shared_ptr<Runner> runner;  // none: another one is in its place, or none
    bool ready = false;
    bool preparing = false;
    int looks = 0;  // how often it was tried whether it can work
    std::string trouble;
  };
  void prepare(const std::string& name, const std::shared_ptr<State>& state);
  Task<void> prepare_until_ready(std::string name, std::shared_ptr<State> state);

  DispatchContext& context_;
  std::map<std::string, std::shared_ptr<State>> all_;  // by the runner's name
  int changes_ = 0;
  Notice looked_;  // a look at a runner has ended
};

}  // namespace rbit
