#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "rbit/base/notice.h"
#include "rbit/core/job_observer.h"
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

    /// The next report; nothing if none came within `limit`.
    Task<std::optional<Report>> next(std::chrono::milliseconds limit) {
      if (reports_.empty()) co_await news_.wait_for(limit);
      std::optional<Report> report;
      if (!reports_.empty()) {
        report = std::move(reports_.front());
        reports_.pop_front();
      }
      co_return report;
    }

   private:
    friend class Followers;
    Followers& all_;
    std::string key_;
    Notice news_;
    std::deque<Report> reports_;
  };

  void status(const Report& report) override {
    const auto [begin, end] = by_key_.equal_range(report.job_key);
    for (auto at = begin; at != end; ++at) {
      at->second->reports_.push_back(report);
      at->second->news_.notify();
    }
  }

 private:
  std::multimap<std::string, Follower*> by_key_;
};

}  // namespace rbit
