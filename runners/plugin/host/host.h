#pragma once

#include <rbit/plugin.h>

#include <cstdlib>
#include <list>
#include <string>

#include "runners/plugin/host/event_channel.h"
#include "runners/plugin/host/job_input.h"
#include "runners/plugin/host/plugin_job.h"

namespace rbit::plugin_host {

/// Runs the jobs of one runner, one after the other, on the calling thread.
class Host {
 public:
  /// Both outlive the host.
  Host(const rbit_runner& runner, EventChannel& events) : runner_(runner), events_(events) {}

  /// Jobs from `input` until it ends.
  void serve(JobInput& input);
  /// One job, the verdict being one of RBIT_DONE, RBIT_FAILED, ...
  int run(const JobData& data);
  /// The end of the runner's state; nothing may be run afterwards.
  void close();

 private:
  int call(const PluginJob& job);
  const Settings& kept(const Settings& settings);

  const rbit_runner& runner_;
  EventChannel& events_;
  const bool tmp_dir_is_free_ = std::getenv("TMPDIR") == nullptr;  // else it is configured
  bool open_ = false;
  void* state_ = nullptr;
  std::list<Settings> settings_;  // all that were seen, for a plugin may keep them until close()
};

}  // namespace rbit::plugin_host
