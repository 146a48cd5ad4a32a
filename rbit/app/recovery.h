#pragma once

#include <atomic>

#include "rbit/app/keepers.h"
#include "rbit/app/state_dir.h"
#include "rbit/base/notice.h"
#include "rbit/base/task.h"
#include "rbit/config/settings.h"
#include "rbit/core/journal.h"
#include "rbit/dispatch/dispatcher.h"
#include "rbit/run/record_slots.h"
#include "rbit/run/run_place.h"

namespace rbit {

/// Looks after what earlier lives of rbit left, before anything is taken. On the loop's thread.
class Recovery {
 public:
  /// All of them outlive it.
  struct Means {
    const config::Settings& settings;
    const StateDir& state;
    const RunPlace& place;
    const RecordSlots& records;  // of this life
    Journal& journal;
    Dispatcher& dispatcher;
    Keepers& keepers;
    Notice& stop;  // notified when `told_to_stop` has become true
    const std::atomic<bool>& told_to_stop;
  };
  explicit Recovery(Means means) : means_(means) {}

  /// Attempts of an earlier life that have no end: those that a keeper runs are followed; those
  /// whose leader left a verdict are concluded; the others' messages come again. Then what a crash
  /// between two steps left behind is removed, for no attempt names it any more. Ends early if rbit
  /// is told to stop; the next life goes on.
  Task<void> run();

 private:
  Task<bool> conclude_attempts();
  Task<bool> conclude(OpenAttempt open);
  RunnerPolicy policy_of(const std::string& runner) const;
  void remove_leftovers() const;

  Means means_;
};

}  // namespace rbit
