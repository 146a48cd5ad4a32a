#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rbit/base/flows.h"
#include "rbit/core/job_observer.h"
#include "rbit/core/journal.h"
#include "rbit/core/route.h"
#include "rbit/core/runner.h"
#include "rbit/core/transport.h"
#include "rbit/dispatch/ahead.h"
#include "rbit/dispatch/journal_watch.h"
#include "rbit/dispatch/keeping.h"
#include "rbit/dispatch/ledger.h"
#include "rbit/dispatch/patience.h"
#include "rbit/dispatch/retry_policy.h"
#include "rbit/dispatch/slot_queue.h"
#include "rbit/dispatch/slots.h"

namespace rbit {

/// What a queue's messages are done by. A flow keeps the one that it began with, whatever the
/// configuration says by its end. That of a queue with a route has no runner: the message says
/// which of `by_runner` it is.
struct Binding {
  std::string queue;
  std::string runner_name;
  std::shared_ptr<const Route> route;
  std::map<std::string, std::shared_ptr<const Binding>> by_runner;
  MessageKind kind = MessageKind::pybit;
  OnInvalid on_invalid = OnInvalid::dead;
  std::shared_ptr<Runner> runner;
  std::shared_ptr<const RunnerPolicy> policy;
  RetryPolicy retry{RunnerPolicy{}};
  std::optional<milliseconds> ack_after;  // none: a message is acknowledged when its job has ended
  bool can_own = false;  // messages can be acknowledged before that: the journal stands for them

  bool is_routed() const { return route != nullptr; }
};

/// What the flow of a job needs of other rooms. All are set.
struct FlowMeans {
  /// Message to request, as the runner of that queue takes it; the Error's thing is the reason word
  /// `undecodable` or `invalid`.
  std::function<Result<BuildRequest>(const Binding&, const Message&)> read;
  /// The runner of a message whose queue has that route; the Error's thing is the reason word
  /// `no-route` or `undecodable`.
  std::function<Result<std::string>(const Route&, const Message&)> route;
  /// What the end of a job publishes beside what it gave itself: its answer, its result. `policy`
  /// is the one it began with; nullptr: in an earlier life, or it did not begin.
  std::function<std::vector<Publication>(const RunnerPolicy* policy, const Job&, const Outcome&,
                                         Status)>
      closing = [](const RunnerPolicy*, const Job&, const Outcome&, Status) {
        return std::vector<Publication>();
      };
  /// As RunContext has it.
  std::function<std::string(const Destination&)> mistake_of = [](const Destination&) {
    return std::string();
  };
  /// A fresh directory for the leader's record of this attempt, and its removal after J3.
  std::function<Result<std::string>(const Job&)> make_record;
  std::function<void(const std::string&)> remove_record;
  /// Makes it survive a power cut: its verdict could not be written into the journal yet.
  std::function<void(const std::string&)> sync_record;
  /// Whether a job could have its record and its workspace on the disk; tried out.
  std::function<Result<void>()> try_disk;
  /// A message has come, perhaps after hours without one: whoever would hold the intake does so
  /// now.
  std::function<void()> arriving = [] {};
};

/// What all parts of one Dispatcher work with. It outlives them, and stays where it is.
struct DispatchContext {
  asio::any_io_executor loop;
  Clock& clock;
  Journal& journal;
  Transport& transport;
  JobObserver& observer;
  FlowMeans outside;
  int total_slots;
  /// Called when something may begin that could not before, or the other way round.
  std::function<void()> changed;

  Patience patience{clock};
  Slots slots{total_slots, changed};
  Ledger ledger{loop};
  Ahead ahead{loop, clock, ledger, changed};
  SlotQueue slot_queue{loop, clock, changed};
  Flows flows{loop, changed};
  Keeping keeping{loop};
  JournalWatch journal_watch{*this};
};

}  // namespace rbit
