#pragma once

#include <rbit/plugin.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "rbit/base/result.h"
#include "runners/plugin/host/event_channel.h"

namespace rbit::plugin_host {

/// Settings of a runner, ordered by key.
using Settings = std::vector<std::pair<std::string, std::string>>;

/// What a job line says (rbit-runner(7)).
struct JobData {
  std::string id, queue, payload;
  std::string token;  // for its events; none with --once
  std::string work_dir, tmp_dir, home_dir, record_dir;
  std::uint32_t attempt = 1;
  std::map<std::string, std::string, std::less<>> fields;
  Settings settings;
};

/// A job line of rbit-runner(7).
Result<JobData> parse_job(const std::string& line);

/// What `--once` reads: a job line, or a PyBit build request (as `rbit try` takes it), which then
/// runs in the current directory.
Result<JobData> parse_job_or_request(const std::string& text);

/// The rbit_job a plugin sees, with the functions of rbit_api behind it.
class PluginJob : public rbit_job {
 public:
  /// `data`, `settings` and `events` outlive it.
  PluginJob(const JobData& data, const Settings& settings, EventChannel& events);
  PluginJob(const PluginJob&) = delete;
  PluginJob& operator=(const PluginJob&) = delete;

  /// What the plugin explained last.
  std::string explanation() const;
  void explain(std::string why) const;

  const JobData& data() const { return data_; }
  const Settings& settings() const { return settings_; }
  EventChannel& events() const { return events_; }

 private:
  const JobData& data_;
  const Settings& settings_;
  EventChannel& events_;
  mutable std::mutex mutex_;  // of what a plugin may change through its const rbit_job
  mutable std::string explanation_;
};

}  // namespace rbit::plugin_host
