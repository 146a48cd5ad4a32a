#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "rbit/app/control_client.h"
#include "rbit/app/output_tail.h"
#include "rbit/app/progress_line.h"
#include "rbit/base/exit_code.h"

namespace rbit {

/// Follows one job through the rbit that runs it, and prints a line a status: "Building",
/// "Failed exit 2: no such file"; how far it is stands on standard error. An rbit that is not there
/// yet, or stops, is waited for; so is a queue from which nothing is taken now, and standard error
/// says why.
class JobWatch {
 public:
  JobWatch(std::string state_dir, std::string key, std::string queue);

  /// Prints what the job writes, too, as it comes. `log_dir`: where the rbit that runs it has the
  /// logs of jobs.
  void show_output(std::string log_dir) { log_dir_ = std::move(log_dir); }

  /// Listens, if rbit is there.
  void begin();
  /// Prints until the end: `ok` for Done, `failed` for Failed and Cancelled.
  ExitCode to_the_end();

 private:
  bool connect();
  void wait_for_line();
  void show_attempt(int attempt);
  std::optional<ExitCode> print(const nlohmann::json& status);

  std::string state_dir_, key_, queue_;
  std::string log_dir_;      // empty: no output is shown
  std::string said_;         // why the queue waits
  std::size_t printed_ = 0;  // statuses; what is heard again after a pause is skipped
  std::optional<ControlClient> client_;
  ProgressLine progress_;
  int attempt_ = 0;  // whose output is shown
  std::optional<OutputTail> output_;
  std::int64_t begun_;  // microseconds since 1970
};

}  // namespace rbit
