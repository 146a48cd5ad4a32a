#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/base/lifetime.h"
#include "rbit/base/notice.h"
#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/runner.h"
#include "rbit/core/runner_policy.h"
#include "rbit/run/artifacts.h"
#include "rbit/run/event_line.h"
#include "rbit/run/giving.h"
#include "rbit/run/job_log.h"
#include "rbit/run/leader.h"

namespace rbit {

/// One attempt as rbit sees it while somebody else runs it: keeps its output, hears its events and
/// begins the ladder when a limit is met or somebody asks. `job`, `context` and `policy` must
/// outlive it. On the loop's thread.
class Attempt {
 public:
  /// Passes the ladder on to whatever runs the job; with SIGKILL as `signal` it kills at once.
  using Ladder = std::function<void(StopCause, int signal, std::chrono::milliseconds grace)>;

  Attempt(const asio::any_io_executor& loop, const Job& job, RunContext& context,
          const RunnerPolicy& policy, const SpareLogs& logs);
  ~Attempt();
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  /// Returns its outcome if somebody asked for its end before it began.
  std::optional<Outcome> ended_before_it_began() const;

  /// Begins the job's log. An Error: this machine has too little of something that a log needs.
  /// Whatever else is wrong with the log costs the log alone.
  Result<void> open_log() { return log_.begin(); }

  /// The job's directory: what it publishes from files lies below.
  void work_in(std::string directory) { giving_.work_in(std::move(directory)); }

  /// From now on limits count and requests are passed on.
  void begin(Ladder ladder);
  /// The job is over: no limit counts and no request is passed on any more.
  void over();

  void on_output(std::string_view bytes);
  /// Counts what came on descriptor 3, like output, before it is read as events.
  void on_event_bytes(std::size_t count);
  void on_event(JobEvent event);
  void on_nonsense(const std::string& why);
  void log_status(const StatusEvent& status) const;

  /// Why the ladder was begun, if it was; the first cause counts.
  StopCause cause() const { return cause_; }
  const Job& job() const { return job_; }
  /// Says in the job's log what nobody else would say: who outlived it, whom the kernel killed.
  void note_end(const JobEnd& end);
  /// Writes a line of ours into the job's log.
  void note(const std::string& line) { log_.note(line); }
  /// The first `result` event, or none yet.
  const std::optional<ResultEvent>& result() const { return result_; }

  /// Fills in what only this knows: a message where there is none, what it gives, artifacts, log,
  /// sizes; and notes what a leader knows nothing of, for the next life (`write_outcome`). A cancel
  /// that comes meanwhile makes it a cancelled one, a kill an interrupted one, and nothing is kept.
  /// REQUIRES: no process of the job is left, its pipes are drained. What the policy wants kept and
  /// what the job named comes into `order` here.
  Task<void> complete(Outcome& outcome, ArtifactOrder order);

 private:
  using Kept = Result<KeptArtifacts>;
  void on_status(StatusEvent& status);
  void on_log(const LogEvent& line);
  void on_publish(PublishEvent event);
  void note_outcome(const Outcome& outcome) const;
  Task<void> keep_artifacts(Outcome& outcome, ArtifactOrder order);
  /// `asked` is notified when somebody asks for the job's end.
  Task<Kept> collect_with_patience(const ArtifactOrder& order, Notice& asked);
  void ladder(StopCause cause, int signal);
  bool wrote_too_much() const;
  void limit_output();
  void heed_output_limit(Outcome& outcome) const;
  void on_stop(StopKind kind);
  void activity();
  void arm();
  void on_timer();
  std::string last_words() const;

  const Job& job_;
  RunContext& context_;
  const RunnerPolicy& policy_;
  JobLog log_;
  Ladder ladder_;
  StopCause cause_ = StopCause::none;
  std::optional<ResultEvent> result_;
  std::string final_words_;  // message of the last final status, or Blocked, that the job set
  std::vector<Artifact> named_;
  Giving giving_;
  bool publish_said_ = false, metric_said_ = false;  // that one was refused
  bool has_artifacts_ = false;                       // it was tried to keep some
  std::int64_t event_bytes_ = 0;
  std::size_t reports_ = 0, verdicts_ = 0;  // statuses it set

  using Time = std::chrono::steady_clock::time_point;
  Time begun_, active_;
  asio::steady_timer timer_;
  bool armed_ = false;
  Time armed_for_;
  bool unflushed_ = false;
  Lifetime lifetime_;  // a timer that fires too late sees it
};

}  // namespace rbit
