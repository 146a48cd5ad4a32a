#pragma once

#include <map>
#include <optional>
#include <string>

#include "rbit/core/job_observer.h"
#include "rbit/core/progress_text.h"

namespace rbit {

/// How far the jobs are that run, each by its own last word; in memory alone. On the loop's thread.
class ProgressBoard : public JobObserver {
 public:
  using All = std::map<std::string, Progress>;  // by key

  const All& all() const { return by_key_; }
  /// None: it has said nothing, or does not run.
  const Progress* of(const std::string& key) const {
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? nullptr : &found->second;
  }

  void progress(const Job& job, const Progress& progress) override {
    by_key_[job.key] = cleaned(progress);
  }
  void finished(const Job& job, const Outcome&, std::optional<Status>) override {
    by_key_.erase(job.key);
  }

 private:
  All by_key_;
};

}  // namespace rbit
