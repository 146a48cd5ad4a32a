#pragma once

#include <string>

#include "rbit/base/clock.h"
#include "rbit/base/task.h"
#include "rbit/core/journal.h"
#include "rbit/core/message.h"
#include "rbit/core/outcome.h"
#include "rbit/dispatch/binding.h"
#include "rbit/dispatch/flow_links.h"
#include "rbit/dispatch/patience.h"
#include "rbit/dispatch/recorder.h"
#include "rbit/dispatch/running_job.h"

namespace rbit {

/// Runs attempts of jobs. One that cannot be started for want of something that this machine has
/// too little of is not the job's fault, and costs nothing. On the loop's thread.
class Attempts {
 public:
  Attempts(Clock& clock, Journal& journal, Recorder& recorder, Patience& patience,
           const FlowLinks& links)
      : clock_(clock), journal_(journal), recorder_(recorder), patience_(patience), links_(links) {}

  /// From X to V. One that could not begin for a shortage keeps its slot, its record and its
  /// message, for giving it back would only bring it again, and is tried until it begins, or
  /// somebody asks for its end.
  Task<Outcome> run(const Binding& binding, RunningJob& running, const std::string& record_dir,
                    const Message& envelope);

 private:
  Task<Outcome> try_once(const Binding& binding, RunningJob& running, std::string record_dir,
                         Message envelope);
  bool is_poison(const RunningJob& running, Outcome& outcome) const;
  bool blame_the_disk(Outcome& outcome);
  Task<void> wait_for_room(const RunningJob& running, milliseconds time);

  Clock& clock_;
  Journal& journal_;
  Recorder& recorder_;
  Patience& patience_;
  const FlowLinks& links_;
  int short_ = 0;  // jobs that wait for what this machine has too little of
};

}  // namespace rbit
