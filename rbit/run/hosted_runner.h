#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "rbit/base/notice.h"
#include "rbit/run/host_channel.h"
#include "rbit/run/local_runner.h"

namespace rbit {

/// `plugin!` and `python!`: jobs done by a host process, which stays warm for `keep-warm` of them.
/// A host that dies costs its own job; the next one gets a new host. `leaders` must outlive it.
class HostedRunner : public LocalRunner {
 public:
  /// `argv` is the host's command line, `what` names the runner in errors: "plugin!lib.so:name".
  HostedRunner(const asio::any_io_executor& loop, std::vector<std::string> argv, std::string what,
               std::string section, RunnerPolicy policy, const RunPlace& place,
               LeaderPool& leaders);

  Task<Result<void>> prepare() override;
  Task<void> close() override;

 private:
  Result<void> check_interpreter() const;
  /// A request through `stop` cuts it short.
  Task<Result<std::unique_ptr<HostChannel>>> start_host(StopRequest* stop = nullptr);
  std::unique_ptr<HostChannel> take_idle();
  void retire(std::unique_ptr<HostChannel> host);
  Task<void> retire_quietly(std::unique_ptr<HostChannel> host);
  Task<Outcome> run_in(const Workspace& workspace, const Job& job, RunContext& context,
                       Attempt& attempt) override;
  HostJob host_job(const Job& job, const RunContext& context, const Workspace& workspace);
  void say_why_replaced(const HostChannel& host, const Job& job);

  const std::vector<std::string> argv_;
  const std::string what_, section_;
  std::vector<std::unique_ptr<HostChannel>> idle_;
  std::set<std::string> said_;       // of what was left in hosts
  std::set<HostChannel*> starting_;  // owned by `start_host`, until they are ready
  std::optional<bool> gives_home_;   // in its environment: a job's directory is none then
  int retiring_ = 0;
  bool closing_ = false;
  Notice changed_;  // one has retired, or is not starting any more
};

}  // namespace rbit
