#pragma once

#include <string>

#include "rbit/dispatch/recorder.h"

namespace rbit {

/// Runs attempts of jobs. One that cannot be started for want of something that this machine has
/// too little of is not the job's fault, and costs nothing; then no more jobs are taken at once
/// than there is room for. On the loop's thread.
class Attempts {
 public:
  Attempts(DispatchContext& context, Recorder& recorder) : context_(context), recorder_(recorder) {}

  /// From X to V. One that could not begin for a shortage keeps its slot, its record and its
  /// message, for giving it back would only bring it again, and is tried until it begins, or
  /// somebody asks for its end.
  /// `slot` is the job's; it is dropped early if the job only waits for something at its end.
  Task<Outcome> run(const Binding& binding, RunningJob& running, const std::string& record_dir,
                    Slot& slot);

 private:
  RunContext context_of(RunningJob& running, const std::string& record_dir, Slot& slot);
  Task<Outcome> try_once(const Binding& binding, RunningJob& running, RunContext& context);
  bool is_poison(const RunningJob& running, Outcome& outcome) const;
  bool blame_the_disk(Outcome& outcome);
  void note_shortage(const Job& job, const Outcome& outcome);
  Task<void> grow_again();

  DispatchContext& context_;
  Recorder& recorder_;
  int short_ = 0;  // jobs that wait for what this machine has too little of
  bool is_growing_ = false;
  SteadyTime last_shortage_{};
};

}  // namespace rbit
