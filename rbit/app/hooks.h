#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rbit/app/configuration.h"
#include "rbit/app/hook.h"
#include "rbit/base/flows.h"
#include "rbit/base/notice.h"
#include "rbit/base/task.h"
#include "rbit/core/report_sink.h"
#include "rbit/core/runner.h"
#include "rbit/run/leader_pool.h"
#include "rbit/run/run_place.h"

namespace rbit {

/// The hooks of a configuration (rbit.ini(5), [hook:NAME]). Those before a job are around its
/// runner, those after it are sinks of the outbox, those of a broker that is away run beside
/// everything else. On the loop's thread.
class Hooks {
 public:
  /// `records` is a directory of their leaders' records alone. `configuration` and `leaders` must
  /// outlive it.
  Hooks(const asio::any_io_executor& loop, const Configuration& configuration, RunPlace place,
        std::string records, LeaderPool& leaders);

  /// For the outbox, which must be closed before this.
  std::vector<std::unique_ptr<ReportSink>> sinks();
  /// The same runner where no hook is before its jobs.
  std::unique_ptr<Runner> around(const std::string& name, std::unique_ptr<Runner> runner);

  /// Ends what an earlier life left of them, then lets them run; which of them cannot is said soon.
  /// `others_run`: an earlier rbit that keeps jobs may run hooks before them, so nothing is ended.
  Task<void> open(bool others_run);
  /// The broker is connected, or a try to connect, or the connection, has failed for `why`.
  void connection(bool connected, const std::string& why);
  /// Lets those that heard of the broker come to their end for so long, and ends what runs then.
  /// The outbox is closed, and no job runs.
  Task<void> close(std::chrono::milliseconds patience);

 private:
  /// A hook that hears when the broker cannot be reached: run once at a time, with the latest news.
  struct Caller {
    Hook* hook;
    bool is_running = false, is_due = false;
    StopRequest stop{};
  };
  Task<void> clear_records();
  Task<void> prepare();
  Task<void> call(Caller& caller);

  asio::any_io_executor loop_;
  RunPlace place_;
  std::string records_;
  std::vector<std::unique_ptr<Hook>> all_;
  std::vector<std::unique_ptr<Caller>> callers_;
  bool is_open_ = false, closing_ = false;
  Notice opened_;
  Flows flows_;
  int tries_ = 0;  // in vain, in a row
  std::string why_;
};

}  // namespace rbit
