#pragma once

#include <map>
#include <optional>
#include <string>

#include "rbit/base/clock.h"
#include "rbit/core/job_observer.h"
#include "rbit/core/progress_text.h"

namespace rbit {

/// How far the jobs are that run, each by its own last word, and when each will be done by that; in
/// memory alone. On the loop's thread.
class ProgressBoard : public JobObserver {
 public:
  using All = std::map<std::string, ToldProgress>;  // by key

  /// The clock outlives this.
  explicit ProgressBoard(const Clock& clock) : clock_(clock) {}

  const All& all() const { return by_key_; }
  /// None: it has said nothing, or does not run.
  const ToldProgress* of(const std::string& key) const {
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? nullptr : &found->second;
  }

  /// When the present attempt of one that runs began, microseconds since 1970; 0: it does not.
  std::int64_t begun(const std::string& key) const {
    const auto found = begun_.find(key);
    return found == begun_.end() ? 0 : found->second;
  }

  void status(const Report& report) override {
    if (report.status == Status::building) begun_.emplace(report.job_key, report.time);
  }
  void progress(const Job& job, const Progress& progress) override {
    // One that an earlier rbit runs began before our time.
    const std::int64_t began = job.timestamp * 1'000'000;
    const std::int64_t since = begun_.emplace(job.key, began).first->second;
    by_key_[job.key] = told(progress, since, to_micros(clock_.wall()));
  }
  void finished(const Job& job, const Outcome&, std::optional<Status>) override {
    by_key_.erase(job.key);
    begun_.erase(job.key);
  }

 private:
  const Clock& clock_;
  All by_key_;
  std::map<std::string, std::int64_t> begun_;
};

}  // namespace rbit
