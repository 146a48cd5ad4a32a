#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/job.h"
#include "rbit/core/outcome.h"
#include "rbit/core/publication.h"
#include "rbit/core/status.h"

namespace rbit {

/// Why a running job shall end before its time. A later, harder one replaces an earlier one.
enum class StopKind {
  cancel,     // somebody asked: the ladder, then `cancelled`
  interrupt,  // our own stop: the ladder, then `interrupted`
  kill,       // a third signal: SIGKILL at once, then `interrupted`
};

/// Asks one running job to stop. Made and owned by the dispatcher, listened to by the runner.
class StopRequest {
 public:
  void request(StopKind kind) {
    cancelled_ = cancelled_ || kind == StopKind::cancel;
    if (requested_ && *requested_ >= kind) return;
    requested_ = kind;
    if (listener_) listener_(kind);
  }
  std::optional<StopKind> requested() const { return requested_; }
  /// Somebody asked for a cancel, whatever harder request came after it.
  bool cancelled() const { return cancelled_; }
  /// Called at each new request, and at once if there is one already. One listener; nullptr: none.
  void listen(std::function<void(StopKind)> listener) {
    listener_ = std::move(listener);
    if (listener_ && requested_) listener_(*requested_);
  }

 private:
  std::optional<StopKind> requested_;
  bool cancelled_ = false;
  std::function<void(StopKind)> listener_;
};

/// What a runner gets beside the job. Lives as long as the attempt, which is run again where this
/// machine had too little of something to begin it.
struct RunContext {
  /// Reports Waiting or Building while the job runs. A final status or Blocked is the runner's own
  /// business: it is remembered there and becomes part of the outcome.
  std::function<void(Status, std::string message)> report;
  StopRequest& stop;
  std::string record_dir;  // fresh and empty, 0700, outside the job's reach; removed after J3
  /// The job has ended and only waits for something now: another one may have its slot.
  std::function<void()> release_slot = [] {};
  /// Sends now, whatever becomes of the job; else what it gives is part of the outcome.
  std::function<void(Publication)> publish = [](const Publication&) {};
  std::function<void(MetricChange)> metric = [](const MetricChange&) {};
  std::function<void(Progress)> progress = [](const Progress&) {};
  /// Why nothing can ever be published there by this broker; "": it may be.
  std::function<std::string(const Destination&)> mistake_of = [](const Destination&) {
    return std::string();
  };
  /// Why what runs here may publish nothing at all; empty: it may, where its policy says.
  std::string publishes_nothing{};
  /// What the job is told beside its message, by its word for it ("event"): the variable RBIT_EVENT
  /// of its environment, the setting `event` of a host's.
  std::map<std::string, std::string> facts{};
  /// What the file of its output is called below the log directory, DIRECTORY/NAME; empty: as that
  /// of the job's attempt.
  std::string log_name{};
  std::size_t hooks_passed = 0;  // before it, so far: none of them runs twice
};

/// Does jobs, of one [runner:NAME] section. On the loop's thread; several runs may be under way.
class Runner {
 public:
  virtual ~Runner() = default;

  /// What can be known before a job is taken: library, symbol, ABI, interpreter, module. An Error
  /// means that no job could run here.
  virtual Task<Result<void>> prepare() = 0;

  /// Runs one attempt to its end; nothing of it is left afterwards. Never throws: whatever goes
  /// wrong is an outcome. `job` and `context` live until it ends.
  virtual Task<Outcome> run(const Job& job, RunContext& context) = 0;

  /// Ends what was kept warm. No run is under way.
  virtual Task<void> close() = 0;
};

}  // namespace rbit
