#pragma once

#include <optional>
#include <string>
#include <variant>

#include "rbit/dispatch/dispatch_context.h"

namespace rbit {

/// A status of a job, now, as the journal takes it.
Report report_on(const Job& job, Status status, std::string reason, std::string message,
                 const Clock& clock);

/// Puts on record what a job goes through, and tells of it once it is there. On the loop's thread.
class Recorder {
 public:
  explicit Recorder(DispatchContext& context) : context_(context) {}

  /// J1: the job is accepted, this attempt begins. Returns false if the journal could not take it.
  Task<bool> begin(RunningJob& running, const std::string& record_dir);
  /// A status that the job reports of itself.
  void note_status(RunningJob& running, Status status, std::string message);
  /// Something that it sends before its end.
  void note_publication(RunningJob& running, Publication publication);
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
  const RunnerPolicy* policy_of(const Job& job) const;
  void pump(RunningJob& running);
  Task<void> pump_statuses(RunningJob& running);
  Task<void> write(const RunningJob& running, std::variant<Report, Publication> what);

  DispatchContext& context_;
};

}  // namespace rbit
