#pragma once

#include <optional>
#include <string>

#include "rbit/dispatch/recorder.h"
#include "rbit/dispatch/settling.h"

namespace rbit {

/// Cancels, which may come before, during and after everything else that becomes of a job. On the
/// loop's thread.
class Cancels {
 public:
  Cancels(DispatchContext& context, Recorder& recorder, Settling& settling)
      : context_(context), recorder_(recorder), settling_(settling) {}

  /// Cancels a job that runs, or that waits in the journal for a slot or for its time, by key or by
  /// PyBit's job id. Returns false if there is no such job here.
  bool cancel(const std::string& key_or_id);
  /// A front-end wants the job of this id cancelled, wherever it is: it runs here, waits here or at
  /// the broker, or was not seen yet. One that is over is left alone. An Error: it is not on
  /// record, ask again; what runs is asked to stop all the same.
  Task<Result<void>> cancel_for_front_end(std::string job_id);

  /// Somebody wants the job of this key cancelled that waits in its queue or comes again: it is
  /// over at once if the journal knows it, else when its message comes, within 7 days. An Error: it
  /// is not on record.
  Task<Result<void>> cancel_by_key(std::string key);

  /// Whether a cancel of the job is on record, or of this moment.
  bool is_wanted(const RunningJob& running) const;
  /// A job that has been cancelled is cancelled, however its attempt ended: the cancel may have
  /// come when the runner could not hear it any more, or when rbit was already stopping. It counts
  /// until the verdict is on record; what a job of an earlier life had reached stands. `asked`: it
  /// was asked to stop.
  void heed(const Job& job, bool asked, Outcome& outcome) const;
  /// Ends a job that has not begun.
  Task<void> end(RunningJob& running, Slot& slot);

 private:
  bool is_on_record(const Job& job) const;
  Task<void> cancel_waiting(std::string key);
  std::string waiting_job(const std::string& key_or_id) const;
  Task<bool> stop_running(std::string job_id);
  bool ask_to_stop(const std::string& job_id);
  Task<void> end_now(Job job, std::optional<Delivery> delivery);

  DispatchContext& context_;
  Recorder& recorder_;
  Settling& settling_;
};

}  // namespace rbit
