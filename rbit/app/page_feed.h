#pragma once

#include <map>
#include <string>
#include <vector>

#include "rbit/app/job_chart.h"
#include "rbit/app/progress_board.h"
#include "rbit/app/status_report.h"
#include "rbit/base/clock.h"
#include "rbit/base/database.h"
#include "rbit/config/settings.h"
#include "rbit/core/broker.h"
#include "rbit/dispatch/dispatcher.h"
#include "rbit/monitor/page_source.h"

namespace rbit {

/// What the page at / shows. Its state has these parts, each of bounded size:
///
///   rbit      what `rbit status --json` has (status_report.h), but queues
///   queues    its queues
///   running   the jobs that run, as `rbit jobs --json` has them, and "attempt_begun"; where they
///             tell how far they are "progress", else "output", the last line of it
///   waiting   jobs that wait, or come again
///   recent    jobs that are over, the last one first
///   chart     as job_chart.h has it
///
/// On the loop's thread.
class PageFeed {
 public:
  struct Sources {
    const config::Settings& settings;
    const Clock& clock;
    Database& database;
    const Broker& broker;
    const Dispatcher& dispatcher;
    const StatusReport& status;
    const ProgressBoard& board;
    const JobChart& chart;
  };
  /// All that it asks outlives it.
  explicit PageFeed(Sources sources) : sources_(sources) {}

  Task<StateParts> state();
  Result<std::string> job(const std::string& name) const;
  Task<Result<LogPiece>> log(LogWish wish) const;

 private:
  std::vector<std::string> first_running() const;
  Task<nlohmann::json> running() const;
  /// Gives the file of its output, if that is to be looked at.
  std::int64_t begun(const RunningJob& running) const;
  std::string add_of_running(nlohmann::json& job) const;
  void calm(nlohmann::json& disks);

  Sources sources_;
  std::map<std::string, std::int64_t> free_;  // of the disks, as it was shown last
};

}  // namespace rbit
