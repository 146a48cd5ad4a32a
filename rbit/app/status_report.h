#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>

#include "rbit/app/monitor_feed.h"
#include "rbit/app/queue_rates.h"
#include "rbit/base/clock.h"
#include "rbit/base/database.h"
#include "rbit/base/task.h"
#include "rbit/config/settings.h"
#include "rbit/core/broker.h"
#include "rbit/core/live_broker.h"

namespace rbit {

/// What `rbit status` is told by the rbit that runs:
///
///   rbit_runs   whether one does; without one there are only those marked *
///   name*, version*, pid, started, state_dir*
///   well        whether it does what it is there for; else `troubles` says what it does not*
///   broker*     {address*, connected, words, blocked: why it takes no messages, or null}
///   slots       {total, used, ahead: messages that wait here for one}
///   kept        [{pid, jobs: [names]}] of rbits that handed over and still run these
///   queues*     [{queue*, runner*, state*: consuming, paused, not read; why*, paused_since*,
///               waiting*: at the broker, running*, due*: they come again, again*: the first of
///               them then, dead*, per_minute}]; null is what nobody knows now
///   reports*    {waiting*, oldest, targets: [{target, state, reason, sent, dropped, failed,
///   oldest}]} disks*      [{name*, path*, free*, total*}], bytes
///
/// Times are microseconds since 1970, 0 is "never".
class StatusReport {
 public:
  struct Sources {
    const config::Settings& settings;
    Database& database;
    const MonitorFeed& feed;
    LiveBroker& live;
    const Broker& broker;
    const QueueRates& rates;
    std::int64_t started;  // microseconds since 1970
  };
  /// All that it asks outlives it.
  explicit StatusReport(Sources sources) : sources_(sources) {}

  /// Asks the broker, and so takes a moment.
  Task<nlohmann::json> now() const;

 private:
  Sources sources_;
};

/// The same where no rbit runs, from the journal's file; null: there is none.
nlohmann::json status_without_rbit(const config::Settings& settings, const Broker& broker,
                                   Database* database);

}  // namespace rbit
