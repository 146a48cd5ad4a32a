#pragma once

#include <sys/types.h>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "rbit/base/fd.h"
#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/job_facts.h"
#include "rbit/run/account.h"
#include "rbit/run/leader_wire.h"

namespace rbit {

using StopCause = wire::Cause;

/// What a leader shall run. The descriptors are the child's ends; they are closed here once sent.
struct JobOrder {
  std::vector<std::string> argv;         // argv[0] is the program's path
  std::vector<std::string> environment;  // NAME=value; RBIT_LEADER is added
  std::string directory;                 // current directory
  std::string what;                      // "job KEY", for what rbit has to say of it
  JobFacts facts;                        // the same for the log; of a host without a job: none
  Fd stdin_fd, output_fd, events_fd;     // 0; 1 and 2; 3
  Fd extra_fd;                           // one more, to read from: the child knows it as `extra_as`
  int extra_as = 0;                      // 4 to 9; 0: there is none
  std::string record;                    // where the leader writes; of a host: empty
  bool is_host = false;

  const Account* account = nullptr;  // another user than ours; nullptr: ours
  int nice = 0;
  std::int64_t max_memory = 0;
  int max_processes = 0;
  int stop_signal = 15;  // and the grace: for the case that rbit dies
  std::chrono::milliseconds grace{10'000};
};

/// How exactly a job or host ended.
struct JobEnd {
  enum class Kind { exited, signalled, not_started, leader_lost };
  Kind kind = Kind::exited;
  int code = 0;  // exit code; signal; errno
  wire::Step step = wire::Step::none;
  StopCause cause = StopCause::none;  // of the ladder, if it began before the end
  bool is_host_alive = false;         // a host's job, and no end of a process
  int outlived = 0;                   // processes that were left, and killed
  int oom_kills = 0;                  // by the kernel, for want of memory
  std::uint32_t left = 0;             // wire::Left, what a host's job changed in its host
  std::int64_t cpu_micros = 0, peak_memory_kib = 0;
};

/// What a leader answered about an end. The record holds the same.
JobEnd end_of(const wire::Answer& answer);

/// "signal SEGV", "exit 3", "exec: No such file or directory", "its leader died".
std::string to_string(const JobEnd& end);

/// One rbit-leader and the job it runs. On the loop's thread.
class Leader {
 public:
  /// Starts one. It makes a control group for its jobs below `cgroups`, unless that is empty.
  static Result<std::unique_ptr<Leader>> start(const asio::any_io_executor& loop,
                                               const std::string& program,
                                               const std::string& cgroups = {});
  /// Closes its socket: the leader ends its job by the ladder, and then itself.
  ~Leader();
  Leader(const Leader&) = delete;
  Leader& operator=(const Leader&) = delete;

  /// Starts a job or a host. REQUIRES: is_idle().
  Result<void> run(JobOrder order);
  /// Waits for the end of the job. REQUIRES: run() succeeded, and nobody else waits.
  Task<JobEnd> ended();
  bool has_ended() const;  // `ended()` would not wait

  /// Begins the ladder, or kills at once if `signal` is SIGKILL. A second call may only shorten it.
  void stop(StopCause cause, int signal, std::chrono::milliseconds grace);

  /// Notes how the host stands now that it is ready: each of its jobs is to leave it so. An Error:
  /// the host or the leader ended meanwhile.
  Task<Result<void>> note();
  /// Names the host's next job, hands over its record, and says what to do if rbit dies.
  Result<void> attach(const Job& job, const std::string& record, int stop_signal,
                      std::chrono::milliseconds grace);
  /// Ends the host's job: calls the ladder off, kills all but the host, closes the record. Returns
  /// what the job left behind and used; the rest of JobEnd has no meaning, for the verdict is the
  /// host's. An Error: the host or the leader ended meanwhile.
  Task<Result<JobEnd>> release();

  bool is_idle() const;  // alive, and fit for a job
  pid_t pid() const;

  /// Returns when the leader is gone and reaped.
  Task<void> close();

 private:
  struct State;
  explicit Leader(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace rbit
