#pragma once

#include <rbit/plugin.h>

#include <cstdlib>
#include <list>
#include <optional>
#include <utility>

#include "runners/plugin/host/event_channel.h"
#include "runners/plugin/host/ground.h"
#include "runners/plugin/host/job_input.h"
#include "runners/plugin/host/library.h"
#include "runners/plugin/host/plugin_job.h"

namespace rbit::plugin_host {

/// Runs the jobs of one runner, one after the other, on the calling thread.
class Host {
 public:
  /// `runner` and `events` outlive the host. `file` is what the runner was loaded from.
  Host(const rbit_runner& runner, EventChannel& events, LoadedFile file)
      : runner_(runner), events_(events), file_(std::move(file)) {}

  /// Jobs from `input` until it ends.
  void serve(JobInput& input);
  /// One job, the verdict being one of RBIT_DONE, RBIT_FAILED, ...
  int run(const JobData& data);
  /// The end of the runner's state; nothing may be run afterwards.
  void close();

 private:
  bool open(const PluginJob& job, int& value);
  int call(const PluginJob& job);

  const rbit_runner& runner_;
  EventChannel& events_;
  const LoadedFile file_;
  JobInput* input_ = nullptr;                                      // while it serves
  const bool tmp_dir_is_free_ = std::getenv("TMPDIR") == nullptr;  // else it is configured
  std::optional<Ground> ground_;                                   // as the first job found it
  bool open_ = false;
  void* state_ = nullptr;
  std::list<Settings> settings_;  // all that were seen, for a plugin may keep them until close()
};

}  // namespace rbit::plugin_host
