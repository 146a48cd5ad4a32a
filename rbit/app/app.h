#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <string>

#include "rbit/app/configuration.h"
#include "rbit/app/control_handlers.h"
#include "rbit/app/control_server.h"
#include "rbit/app/crews.h"
#include "rbit/app/followers.h"
#include "rbit/app/hand_over.h"
#include "rbit/app/hooks.h"
#include "rbit/app/job_chart.h"
#include "rbit/app/job_lines.h"
#include "rbit/app/keepers.h"
#include "rbit/app/monitor_feed.h"
#include "rbit/app/page_acts.h"
#include "rbit/app/page_feed.h"
#include "rbit/app/progress_board.h"
#include "rbit/app/queue_rates.h"
#include "rbit/app/recent_messages.h"
#include "rbit/app/reload.h"
#include "rbit/app/service_manager.h"
#include "rbit/app/state_dir.h"
#include "rbit/app/status_report.h"
#include "rbit/app/steering_handlers.h"
#include "rbit/base/ballast.h"
#include "rbit/base/clock.h"
#include "rbit/base/database.h"
#include "rbit/base/exit_code.h"
#include "rbit/base/notice.h"
#include "rbit/core/broker.h"
#include "rbit/core/job_observer.h"
#include "rbit/core/live_broker.h"
#include "rbit/dispatch/disk_guard.h"
#include "rbit/dispatch/dispatcher.h"
#include "rbit/dispatch/missed_copies.h"
#include "rbit/journal/sqlite_journal.h"
#include "rbit/monitor/monitor.h"
#include "rbit/report/outbox.h"
#include "rbit/report/pybit_question.h"
#include "rbit/run/leader_pool.h"
#include "rbit/run/log_keeper.h"
#include "rbit/run/record_slots.h"
#include "rbit/run/run_place.h"

namespace rbit {

/// The roof: builds the house of rbit/README.rst from a configuration, opens its doors, and shuts
/// them in order. Everything on the one loop.
class App {
 public:
  /// Throws Fatal for what makes a start impossible.
  /// `read_again` reads the file that `configuration` came from.
  App(Configuration configuration, ReadConfiguration read_again, StateDir state);
  ~App();

  /// Until told to stop.
  ExitCode run();

 private:
  void warn_of_root() const;
  Task<void> live();
  Task<void> shut();
  Task<void> let_go();
  Task<void> recovered();
  void on_signal(int count);
  bool told_to_stop() const { return told_to_stop_; }
  void stop();
  std::string status() const;
  std::string draining() const;
  void learn_ack_limit(milliseconds broker_limit);
  void refused_by_broker(const Error& why);
  void at_odds_with_broker(const Error& why);
  void name_is_taken(const Error& why);

  void open_broker();
  void make_leaders();
  void open_journal();
  BrokerNews broker_news();
  void make_dispatcher();
  void make_missed_copies();
  void make_disk_guard();
  Result<void> try_disk() const;
  void make_log_keeper();
  void make_feed();
  void open_control();
  void open_monitor();
  FlowMeans flow_means();
  Reload::Means reload_means();
  int slots_of(const Configuration& configuration) const;

  const config::Settings& settings() const { return configuration_.settings(); }

  Configuration configuration_;  // in force
  ReadConfiguration read_again_;
  StateDir state_;
  RunPlace place_;
  SystemClock clock_;
  ProgressBoard progress_{clock_};
  Followers followers_;  // before the loop, whose last frames refer to it
  JobLines job_lines_;
  JobObservers observers_;
  asio::io_context loop_{1};
  const std::int64_t started_ = to_micros(clock_.wall());
  QueueRates rates_{clock_};
  RecentMessages recent_;
  ServiceManager service_{loop_.get_executor(), clock_};
  Notice stop_;  // we are told to stop, or the recovery is over
  bool has_recovered_ = false;
  std::atomic<bool> told_to_stop_{false};  // threads beside the loop ask it too
  /// A name of their own in every life: pid and time.
  RecordSlots records_{state_.records() + "/" + std::to_string(::getpid()) + "-" +
                       std::to_string(to_micros(clock_.wall()))};
  std::int64_t descriptors_without_jobs_ = 0;
  bool was_connected_ = false;  // to the broker
  ExitCode exit_code_ = ExitCode::ok;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Broker> broker_;           // as the configuration names it
  std::unique_ptr<LiveBroker> live_broker_;  // as we have it
  std::unique_ptr<LeaderPool> leaders_;
  std::unique_ptr<Hooks> hooks_;
  std::unique_ptr<SqliteJournal> journal_;
  std::unique_ptr<Outbox> outbox_;
  std::unique_ptr<Crews> crews_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<Keepers> keepers_;
  std::unique_ptr<MissedCopies> missed_copies_;  // none: the broker loses no copy
  std::unique_ptr<PybitQuestion> question_;      // none: no front-end is asked before a build
  Ballast ballast_;
  std::unique_ptr<DiskGuard> disk_guard_;
  std::unique_ptr<LogKeeper> log_keeper_;
  std::unique_ptr<MonitorFeed> feed_;
  std::unique_ptr<StatusReport> status_report_;
  std::unique_ptr<ControlHandlers> handlers_;
  std::unique_ptr<SteeringHandlers> steering_;
  std::unique_ptr<Reload> reload_;
  std::unique_ptr<HandOver> hand_over_;
  std::unique_ptr<ControlServer> control_;
  std::unique_ptr<JobChart> chart_;  // none: no monitor; the same of the next three
  std::unique_ptr<PageFeed> page_feed_;
  std::unique_ptr<PageActs> page_acts_;
  std::unique_ptr<Monitor> monitor_;
};

/// Where the runners of this configuration find what they need.
RunPlace run_place(const config::Settings& settings, const std::string& state_dir);

}  // namespace rbit
