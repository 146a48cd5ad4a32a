#pragma once

#include <optional>
#include <string>

#include "rbit/base/clock.h"
#include "rbit/base/task.h"
#include "rbit/core/journal.h"
#include "rbit/core/message.h"
#include "rbit/core/outcome.h"
#include "rbit/dispatch/binding.h"
#include "rbit/dispatch/flow_means.h"
#include "rbit/dispatch/journal_watch.h"
#include "rbit/dispatch/patience.h"
#include "rbit/dispatch/recorder.h"
#include "rbit/dispatch/running_job.h"
#include "rbit/dispatch/shortage_watch.h"
#include "rbit/dispatch/slots.h"

namespace rbit {

/// Runs attempts of jobs. One that cannot be started for want of something that this machine has
/// too little of is not the job's fault, and costs nothing. On the loop's thread.
class Attempts {
 public:
  Attempts(Clock& clock, Journal& journal, JournalWatch& journal_watch,
           ShortageWatch& shortage_watch, Recorder& recorder, Patience& patience,
           const FlowMeans& means)
      : clock_(clock),
        journal_(journal),
        journal_watch_(journal_watch),
        shortage_watch_(shortage_watch),
        recorder_(recorder),
        patience_(patience),
        means_(means) {}

  /// From X to V. One that could not begin for a shortage keeps its slot, its record and its
  /// message, for giving it back would only bring it again, and is tried until it begins, or
  /// somebody asks for its end.
  /// `slot` is the job's; it is dropped early if the job only waits for something at its end.
  Task<Outcome> run(const Binding& binding, RunningJob& running, const std::string& record_dir,
                    const Message& message, std::optional<Slot>& slot);

 private:
  Task<Outcome> try_once(const Binding& binding, RunningJob& running, std::string record_dir,
                         Message message, std::optional<Slot>& slot);
  bool is_poison(const RunningJob& running, Outcome& outcome) const;
  bool blame_the_disk(Outcome& outcome);
  Task<void> wait_for_room(const RunningJob& running, milliseconds time);

  Clock& clock_;
  Journal& journal_;
  JournalWatch& journal_watch_;
  ShortageWatch& shortage_watch_;
  Recorder& recorder_;
  Patience& patience_;
  const FlowMeans& means_;
  int short_ = 0;  // jobs that wait for what this machine has too little of
};

}  // namespace rbit
