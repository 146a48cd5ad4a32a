#pragma once

#include <optional>
#include <string>

#include "rbit/base/clock.h"
#include "rbit/base/task.h"
#include "rbit/core/job_observer.h"
#include "rbit/core/journal.h"
#include "rbit/core/outcome.h"
#include "rbit/core/settlement.h"
#include "rbit/dispatch/flow_means.h"
#include "rbit/dispatch/journal_watch.h"
#include "rbit/dispatch/patience.h"
#include "rbit/dispatch/running_job.h"

namespace rbit {

/// Puts on record what a job goes through, and tells of it once it is there. On the loop's thread.
class Recorder {
 public:
  Recorder(const asio::any_io_executor& loop, Clock& clock, Journal& journal,
           JournalWatch& journal_watch, Patience& patience, const FlowMeans& means,
           JobObserver& observer)
      : loop_(loop),
        clock_(clock),
        journal_(journal),
        journal_watch_(journal_watch),
        patience_(patience),
        means_(means),
        observer_(observer) {}

  /// J1: the job is accepted, this attempt begins. Returns false if the journal could not take it.
  Task<bool> begin(RunningJob& running, const std::string& record_dir);
  /// A status that the job reports of itself.
  void note_status(RunningJob& running, Status status, std::string message);
  /// Ends when all that the job reported of itself is on record.
  Task<void> statuses_written(RunningJob& running);

  struct Finished {
    bool on_record = false;      // false: rbit was told to stop before it was
    std::optional<Status> told;  // none: an interrupted attempt has nothing to tell
  };
  enum class Tell { all, nobody };  // of the verdict
  /// J3: verdict, settlement and report, in one transaction, however long that takes. Its leader's
  /// record, in `record_dir`, is needed until then.
  Task<Finished> finish(const Job& job, const std::string& record_dir, const Outcome& outcome,
                        const Settlement& settlement, Tell tell = Tell::all);

 private:
  Task<void> pump_statuses(RunningJob& running);

  asio::any_io_executor loop_;
  Clock& clock_;
  Journal& journal_;
  JournalWatch& journal_watch_;
  Patience& patience_;
  const FlowMeans& means_;
  JobObserver& observer_;
};

}  // namespace rbit
