#pragma once

#include <functional>
#include <optional>
#include <string>

#include "rbit/core/kept_attempt.h"
#include "rbit/dispatch/arrival.h"
#include "rbit/dispatch/attempts.h"
#include "rbit/dispatch/before_build.h"
#include "rbit/dispatch/early_ack.h"
#include "rbit/dispatch/identity.h"
#include "rbit/dispatch/readiness.h"
#include "rbit/dispatch/recall.h"

namespace rbit {

/// The story of one message, from its delivery to its settlement. Several are under way at once, on
/// the loop's thread.
class JobFlow {
 public:
  JobFlow(DispatchContext& context, EarlyAck& early_ack, Recorder& recorder, Settling& settling,
          Cancels& cancels, Readiness& readiness)
      : context_(context),
        early_ack_(early_ack),
        recorder_(recorder),
        settling_(settling),
        cancels_(cancels),
        readiness_(readiness),
        before_(context, recorder, settling, cancels),
        attempts_(context, recorder) {}

  /// `slot`: one of its runner's, if one was free when the message came. `coming`: of a queue with
  /// a route.
  Task<void> run(const Binding& binding, Delivery delivery, Slot slot,
                 SlotQueue::Coming coming = {});

  /// Runs an owned job of an earlier life that has no verdict once more, from the journal;
  /// `delivery` is an adopted one. Returns false if it could not begin, and then nothing has
  /// changed.
  Task<bool> resume(const Binding& binding, const OwnedJob& owned, Delivery delivery, Slot slot);

  /// J3 and its report for an attempt that ended in an earlier life of rbit. Returns false if it
  /// was told to stop before it was on record, and its leader's record is still needed.
  Task<bool> finish_earlier(const Binding& binding, Job job, Outcome outcome,
                            std::string record_dir);

  /// Goes on with an attempt that an earlier rbit began and keeps. Returns false if it ended
  /// without a verdict and is to run again.
  Task<bool> follow(const Binding& binding, Job job, Slot slot, KeptAttempt& kept);

 private:
  /// A message that has come, and what is known of it.
  struct Arriving {
    const Binding* binding;  // of a queue with a route, first that, then the one it leads to
    Delivery delivery;
    Slot slot;
    std::optional<SlotQueue::Coming> coming;
    SteadyTime received{};
    Identity identity{};
    bool redelivered = false;  // to us or to another, who may have read it
    bool is_suspect = false;   // see ArrivalFacts
    std::optional<Recall> past{};
    ArrivalFacts::Read read = ArrivalFacts::Read::not_yet;
    BuildRequest request{};
    Error wrong{};           // why it is no job
    bool is_routed = false;  // `binding` is the one that a route led to
  };
  Task<Arrival> admit(Arriving& message);
  Identity name_of(Arriving& message) const;
  ArrivalFacts facts_of(Arriving& message);
  Task<Arrival> count(Arriving& message);
  Task<void> find_slot(Arriving& message);
  void read(Arriving& message);
  Result<BuildRequest> read_routed(Arriving& message) const;
  Task<void> turn_away(Arriving message, Arrival arrival);
  Task<void> join(RunningJob& running, Delivery delivery, Slot slot);
  Task<void> keep_waiting(Arriving message);
  Job accept(Arriving& message) const;

  static void say_start(const Job& job);
  Task<bool> carry_out(const Binding& binding, RunningJob& running, Slot slot);
  Task<void> conclude(const Binding& binding, RunningJob& running, Outcome outcome, Slot slot,
                      std::function<void()> discard_record);
  Task<bool> adopt_message(RunningJob& running);
  void heed(RunningJob& running, const KeptNews& news);
  void note_time(const Binding& binding, const Outcome& outcome);
  Task<Settlement> decide(const Binding& binding, RunningJob& running, Outcome& outcome);

  DispatchContext& context_;
  EarlyAck& early_ack_;
  Recorder& recorder_;
  Settling& settling_;
  Cancels& cancels_;
  Readiness& readiness_;
  BeforeBuild before_;
  Attempts attempts_;
};

}  // namespace rbit
