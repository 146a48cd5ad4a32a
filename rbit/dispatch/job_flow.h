#pragma once

#include <optional>
#include <string>

#include "rbit/base/clock.h"
#include "rbit/core/delivery.h"
#include "rbit/core/job_observer.h"
#include "rbit/core/journal.h"
#include "rbit/dispatch/arrival.h"
#include "rbit/dispatch/attempts.h"
#include "rbit/dispatch/before_build.h"
#include "rbit/dispatch/binding.h"
#include "rbit/dispatch/cancels.h"
#include "rbit/dispatch/early_ack.h"
#include "rbit/dispatch/flow_means.h"
#include "rbit/dispatch/identity.h"
#include "rbit/dispatch/journal_watch.h"
#include "rbit/dispatch/ledger.h"
#include "rbit/dispatch/patience.h"
#include "rbit/dispatch/readiness.h"
#include "rbit/dispatch/recall.h"
#include "rbit/dispatch/recorder.h"
#include "rbit/dispatch/settling.h"
#include "rbit/dispatch/slots.h"

namespace rbit {

/// The story of one message, from its delivery to its settlement. Several are under way at once, on
/// the loop's thread.
class JobFlow {
 public:
  struct Means {
    Clock& clock;
    Journal& journal;
    Slots& slots;
    Ledger& ledger;
    EarlyAck& early_ack;
    Recorder& recorder;
    Settling& settling;
    Cancels& cancels;
    BeforeBuild& before;
    Attempts& attempts;
    Patience& patience;
    JournalWatch& journal_watch;
    Readiness& readiness;
    JobObserver& observer;
    const FlowMeans& outside;
  };
  explicit JobFlow(const Means& means) : means_(means) {}

  /// `slot`: one of its runner's, if one was free when the message came.
  Task<void> run(const Binding& binding, Delivery delivery, std::optional<Slot> slot);

  /// Runs an owned job of an earlier life that has no verdict once more, from the journal;
  /// `delivery` is an adopted one. Returns false if it could not begin, and then nothing has
  /// changed.
  Task<bool> resume(const Binding& binding, const OwnedJob& owned, Delivery delivery, Slot slot);

  /// J3 and its report for an attempt that ended in an earlier life of rbit. Returns false if it
  /// was told to stop before it was on record, and its leader's record is still needed.
  Task<bool> finish_earlier(const Binding& binding, Job job, Outcome outcome,
                            std::string record_dir);

 private:
  /// A message that has come, and what is known of it.
  struct Arriving {
    const Binding& binding;
    Delivery delivery;
    std::optional<Slot> slot;
    SteadyTime received{};
    Identity identity{};
    bool redelivered = false;  // to us or to another, who may have read it
    bool is_suspect = false;   // see ArrivalFacts
    std::optional<Recall> past{};
    ArrivalFacts::Read read = ArrivalFacts::Read::not_yet;
    BuildRequest request{};
    Error wrong{};  // why it is no job
  };
  Task<Arrival> admit(Arriving& message);
  ArrivalFacts facts_of(Arriving& message);
  Task<Arrival> count(Arriving& message);
  void read(Arriving& message);
  Task<void> turn_away(Arriving message, Arrival arrival);
  Task<void> join(RunningJob& running, Delivery delivery);
  Task<void> keep_waiting(Arriving message);
  Job accept(Arriving& message) const;

  Task<bool> carry_out(const Binding& binding, RunningJob& running, std::optional<Slot> slot);
  Task<Settlement> decide(const Binding& binding, RunningJob& running, Outcome& outcome);

  Means means_;
};

}  // namespace rbit
