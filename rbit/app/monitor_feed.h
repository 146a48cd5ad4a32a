#pragma once

#include "rbit/app/progress_board.h"
#include "rbit/base/clock.h"
#include "rbit/base/database.h"
#include "rbit/config/settings.h"
#include "rbit/core/live_broker.h"
#include "rbit/dispatch/disk_guard.h"
#include "rbit/dispatch/dispatcher.h"
#include "rbit/journal/sqlite_journal.h"
#include "rbit/monitor/monitor.h"
#include "rbit/report/outbox.h"

namespace rbit {

/// What health, metrics and page say of the rbit that runs. All that it asks outlives it.
class MonitorFeed {
 public:
  MonitorFeed(const config::Settings& settings, const Clock& clock, Database& database,
              const SqliteJournal& journal, const Dispatcher& dispatcher, const LiveBroker& broker,
              const Outbox& outbox, DiskGuard& disk_guard, const ProgressBoard& board)
      : settings_(settings),
        clock_(clock),
        database_(database),
        journal_(journal),
        dispatcher_(dispatcher),
        broker_(broker),
        outbox_(outbox),
        disk_guard_(disk_guard),
        board_(board) {}

  MonitorNumbers numbers() const;
  MonitorDetails details() const;

 private:
  const config::Settings& settings_;
  const Clock& clock_;
  Database& database_;
  const SqliteJournal& journal_;
  const Dispatcher& dispatcher_;
  const LiveBroker& broker_;
  const Outbox& outbox_;
  DiskGuard& disk_guard_;
  const ProgressBoard& board_;
};

}  // namespace rbit
