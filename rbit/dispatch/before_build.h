#pragma once

#include <optional>

#include "rbit/base/task.h"
#include "rbit/core/job_observer.h"
#include "rbit/core/journal.h"
#include "rbit/core/standing.h"
#include "rbit/dispatch/binding.h"
#include "rbit/dispatch/cancels.h"
#include "rbit/dispatch/patience.h"
#include "rbit/dispatch/recorder.h"
#include "rbit/dispatch/running_job.h"
#include "rbit/dispatch/settling.h"
#include "rbit/dispatch/slots.h"

namespace rbit {

/// What happens to a job that has its slot before it begins, and where one ends without having
/// begun: cancels, and the word of its front-end. On the loop's thread.
class BeforeBuild {
 public:
  BeforeBuild(Clock& clock, Journal& journal, Recorder& recorder, Settling& settling,
              Cancels& cancels, Patience& patience, JobObserver& observer)
      : clock_(clock),
        journal_(journal),
        recorder_(recorder),
        settling_(settling),
        cancels_(cancels),
        patience_(patience),
        observer_(observer) {}

  enum class Verdict {
    begin,
    over,     // nothing is built: its message is settled, or comes again
    go_back,  // rbit is told to stop meanwhile, and nothing has happened
  };
  /// Heeds a cancel that is on record already, and asks the front-end. REQUIRES: the job is among
  /// the running ones, so that a cancel that comes meanwhile finds it there.
  Task<Verdict> look(const Binding& binding, RunningJob& running, std::optional<Slot>& slot);

 private:
  Task<void> accept_unbuilt(RunningJob& running, std::optional<Slot>& slot, Standing standing);
  Task<bool> put_back(const Binding& binding, RunningJob& running, int waited);

  Clock& clock_;
  Journal& journal_;
  Recorder& recorder_;
  Settling& settling_;
  Cancels& cancels_;
  Patience& patience_;
  JobObserver& observer_;
};

}  // namespace rbit
