#pragma once

#include <map>
#include <string>

#include "rbit/dispatch/dispatch_context.h"

namespace rbit {

/// Which runners can work now. One that cannot is looked at again and again. On the loop's thread.
class Readiness {
 public:
  explicit Readiness(DispatchContext& context) : context_(context), looked_(context.loop) {}

  /// `runner` must outlive this.
  void add(const std::string& name, Runner& runner) { all_[name].runner = &runner; }
  /// Looks at all of them for the first time.
  void begin();

  /// How often the answer to that has changed, of any runner.
  int changes() const { return changes_; }
  bool is_ready(const std::string& name) const { return all_.at(name).ready; }
  /// Why it cannot work; empty: it can, or was not looked at yet.
  const std::string& trouble(const std::string& name) const { return all_.at(name).trouble; }
  /// For a job that could not be started: looks at its runner now. One that can work after all has
  /// failed this job only. While rbit stops, all are broken: the job goes back.
  Task<bool> is_broken(std::string name);

 private:
  struct State {
    Runner* runner = nullptr;
    bool ready = false;
    bool preparing = false;
    int looks = 0;  // how often it was tried whether it can work
    std::string trouble;
  };
  void prepare(const std::string& name);
  Task<void> prepare_until_ready(std::string name);

  DispatchContext& context_;
  std::map<std::string, State> all_;  // by the runner's name
  int changes_ = 0;
  Notice looked_;  // a look at a runner has ended
};

}  // namespace rbit
