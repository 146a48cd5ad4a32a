#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "rbit/app/output_tail.h"
#include "rbit/app/progress_line.h"
#include "rbit/core/job.h"
#include "rbit/core/outcome.h"
#include "rbit/core/publication.h"
#include "rbit/core/runner_policy.h"
#include "rbit/core/status.h"

namespace rbit {

/// What `rbit try` shows of its job: lines as it happens, or one JSON object at the end. Nothing of
/// a message or a job can move the cursor or show a password.
class TryReport {
 public:
  /// `metrics`: those that the job's runner declares.
  TryReport(bool as_json, const std::vector<MetricDeclaration>& metrics);

  /// Shows what the job writes into that log as it comes, not at its end.
  void follow(const std::string& log) { output_.emplace(log, 0, as_json_); }
  void show_new_output();

  void status(Status status, const std::string& message);
  /// What would be sent, or changed, while the job runs.
  void publish_now(const Publication& publication);
  void metric_now(const Job& job, const MetricChange& change);
  void progress(const Progress& progress);

  /// The end. `closing`: what it would publish beside what the job gives.
  void end(const Outcome& outcome, Status status, const std::vector<Publication>& closing);

 private:
  void add(const Publication& publication, bool now);
  void add(const MetricChange& change, bool now);
  void say(const std::string& line);

  const bool as_json_;
  const std::vector<MetricDeclaration>& metrics_;
  ProgressLine bar_;
  std::int64_t begun_;                // microseconds since 1970
  std::optional<OutputTail> output_;  // none: it is shown at the end
  nlohmann::json all_;
};

}  // namespace rbit
