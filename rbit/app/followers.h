#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "rbit/base/notice.h"
#include "rbit/core/job_observer.h"
#include "rbit/core/progress_text.h"
#include "rbit/core/report.h"

namespace rbit {

/// Who wants to hear of which job: `rbit submit --wait`. On the loop's thread.
class Followers : public JobObserver {
 public:
  /// One listener to one job; it hears what is told while it lives.
  class Follower {
   public:
    Follower(Followers& all, std::string key, const asio::any_io_executor& loop)
        : all_(all), key_(std::move(key)), news_(loop) {
      all_.by_key_.emplace(key_, this);
    }
    Follower(const Follower&) = delete;
    Follower& operator=(const Follower&) = delete;
    ~Follower() {
      auto [at, end] = all_.by_key_.equal_range(key_);
      while (at != end && at->second != this) ++at;
      if (at != end) all_.by_key_.erase(at);
    }

    /// The next report; nothing if none came within `limit`, or before one the first word of how
    /// far the job is since that was taken.
    Task<std::optional<Report>> next(std::chrono::milliseconds limit) {
      if (reports_.empty()) co_await news_.wait_for(limit);
      std::optional<Report> report;
      if (!reports_.empty()) {
        report = std::move(reports_.front());
        reports_.pop_front();
      }
      co_return report;
    }
    bool has_progress() const { return progress_.has_value(); }
    std::optional<Progress> take_progress() { return std::exchange(progress_, std::nullopt); }

   private:
    friend class Followers;
    Followers& all_;
    std::string key_;
    Notice news_;
    std::deque<Report> reports_;
    std::optional<Progress> progress_;  // the last one: a job may tell any number
  };

  void status(const Report& report) override {
    const auto [begin, end] = by_key_.equal_range(report.job_key);
    for (auto at = begin; at != end; ++at) {
      at->second->reports_.push_back(report);
      at->second->news_.notify();
    }
  }

  void progress(const Job& job, const Progress& progress) override {
    const auto [begin, end] = by_key_.equal_range(job.key);
    for (auto at = begin; at != end; ++at) {
      Follower& follower = *at->second;
      const bool is_awake = follower.progress_.has_value();
      follower.progress_ = cleaned(progress);
      if (!is_awake) follower.news_.notify();
    }
  }

 private:
  std::multimap<std::string, Follower*> by_key_;
};

}  // namespace rbit
