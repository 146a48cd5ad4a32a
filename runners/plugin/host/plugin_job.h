#pragma once

#include <rbit/plugin.h>

#include <mutex>
#include <string>

#include "rbit/base/result.h"
#include "runners/plugin/host/event_channel.h"
#include "runners/plugin/host/job_data.h"
#include "runners/plugin/host/json_fields.h"

namespace rbit::plugin_host {

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
  /// Why one of the plugin's calls gave -1, last.
  std::string last_mistake() const;
  void note_mistake(std::string why) const;
  /// The job's result, as JSON; empty if there is none.
  std::string result() const;
  void set_result(std::string json) const;

  const JobData& data() const { return data_; }
  const Settings& settings() const { return settings_; }
  const JsonFields& json_fields() const { return json_fields_; }
  EventChannel& events() const { return events_; }

 private:
  const JobData& data_;
  const Settings& settings_;
  EventChannel& events_;
  const JsonFields json_fields_;
  mutable std::mutex mutex_;  // of what a plugin may change through its const rbit_job
  mutable std::string explanation_, mistake_, result_;
};

}  // namespace rbit::plugin_host
