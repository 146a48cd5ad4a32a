#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "rbit/app/progress_board.h"
#include "rbit/base/clock.h"
#include "rbit/base/database.h"
#include "rbit/base/lifetime.h"
#include "rbit/config/settings.h"
#include "rbit/core/live_broker.h"
#include "rbit/dispatch/disk_guard.h"
#include "rbit/dispatch/dispatcher.h"
#include "rbit/dispatch/missed_copies.h"
#include "rbit/journal/sqlite_journal.h"
#include "rbit/monitor/monitor.h"
#include "rbit/report/outbox.h"

namespace rbit {

/// What health, metrics and page say of the rbit that runs. All that it asks outlives it; a
/// coroutine of its own may outlive it.
class MonitorFeed {
 public:
  MonitorFeed(const config::Settings& settings, const Clock& clock, Database& database,
              const SqliteJournal& journal, const Dispatcher& dispatcher, LiveBroker& broker,
              const Outbox& outbox, DiskGuard& disk_guard, const ProgressBoard& board,
              const MissedCopies* missed_copies)
      : settings_(settings),
        clock_(clock),
        database_(database),
        journal_(journal),
        dispatcher_(dispatcher),
        broker_(broker),
        outbox_(outbox),
        disk_guard_(disk_guard),
        board_(board),
        missed_copies_(missed_copies) {}

  MonitorNumbers numbers() const;
  MonitorDetails details() const;
  /// The names of the jobs that rbits run which handed over, by their processes.
  std::map<std::int64_t, std::vector<std::string>> kept() const;
  /// The counts of the queues in `numbers` are fresh once it ends, or as fresh as they can be had
  /// within a second.
  Task<void> count_queues();

 private:
  void add_queues(MonitorNumbers& numbers) const;

  const config::Settings& settings_;
  const Clock& clock_;
  Database& database_;
  const SqliteJournal& journal_;
  const Dispatcher& dispatcher_;
  LiveBroker& broker_;
  const Outbox& outbox_;
  DiskGuard& disk_guard_;
  const ProgressBoard& board_;
  const MissedCopies* missed_copies_;  // null: the broker tells itself what it keeps for later
  QueueCounts counts_;                 // as the broker told them last
  Lifetime lifetime_;
};

}  // namespace rbit
