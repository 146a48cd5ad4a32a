#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rbit/base/fd.h"
#include "rbit/base/result.h"
#include "rbit/core/job.h"
#include "rbit/core/runner.h"
#include "rbit/core/runner_policy.h"
#include "rbit/run/event_line.h"

namespace rbit {

/// What one attempt gives by its events, kept until its end says what becomes of it; what is to go
/// at once goes at once. `job`, `context` and `policy` must outlive it. On the loop's thread.
class Giving {
 public:
  Giving(const Job& job, RunContext& context, const RunnerPolicy& policy)
      : job_(job), context_(context), policy_(policy) {}

  /// The job's directory: files that it publishes lie below. Empty: it has none.
  void work_in(std::string directory) { work_dir_ = std::move(directory); }

  /// An Error: it is refused, and the job that wants it cannot be done.
  Result<void> publish(PublishEvent event);
  /// The last one counts.
  void result(const std::string& json);
  void stop_chain() { stops_chain_ = true; }
  /// An Error: its runner declares no such metric.
  Result<void> metric(MetricEvent event);
  /// Passes it on, but not too often; `flush_progress` the last one.
  void progress(Progress progress);
  void flush_progress();
  /// When `flush_progress` is due; none: nothing waits.
  std::optional<std::chrono::steady_clock::time_point> progress_due() const;

  /// Hands over all of it. What was refused makes a job that was done a failed one; only what is
  /// done publishes, and changes metrics. REQUIRES: nothing of the job is left that could change
  /// its files.
  void complete(Outcome& outcome);

 private:
  struct Waiting {
    Publication publication;
    std::string file;
  };
  Result<void> check(const Destination& to) const;
  Result<Body> read_file(const std::string& name) const;
  Result<void> count(const Publication& publication);
  Result<void> refuse(Error why);
  Result<void> fill_in_files();

  const Job& job_;
  RunContext& context_;
  const RunnerPolicy& policy_;
  std::string work_dir_;

  std::vector<Waiting> waiting_;
  std::size_t publications_ = 0, bytes_ = 0;  // those that went at once too
  std::optional<Error> refused_;              // the first one
  std::string result_;
  bool stops_chain_ = false;
  std::vector<MetricChange> metrics_;
  std::map<std::pair<std::string, std::map<std::string, std::string>>, std::size_t> metric_places_;

  std::optional<Progress> progress_;  // that waits
  std::chrono::steady_clock::time_point progressed_{};
};

}  // namespace rbit
