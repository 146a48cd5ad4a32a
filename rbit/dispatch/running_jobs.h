#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "rbit/base/clock.h"
#include "rbit/base/notice.h"
#include "rbit/core/delivery.h"
#include "rbit/core/job.h"
#include "rbit/core/report.h"
#include "rbit/core/runner.h"

namespace rbit {

/// A job from its acceptance until its message is settled.
struct RunningJob {
  RunningJob(const asio::any_io_executor& loop, Job what)
      : job(std::move(what)), claimed(loop), pumped(loop) {}

  Job job;
  StopRequest stop;
  SteadyTime received{}, begun{};
  bool seen_before = false;  // its message was delivered before, and not given back unread
  bool has_verdict = false;
  /// The messages that ask for it: the first, and redeliveries that joined. Of an owned job one
  /// that is acknowledged: what is left is the duty to make a copy.
  std::vector<Delivery> deliveries;

  // Early acknowledgement.
  std::optional<milliseconds> ack_after;  // after `received`; none: not before the end
  bool claiming = false;                  // under way
  Notice claimed;                         // it has ended

  // Statuses on their way to the journal, in order.
  std::deque<Report> statuses;
  bool pumping = false;
  Notice pumped;

  /// A message of the same job: it will get the same answer. One that is void is let go.
  void join(Delivery delivery) {
    std::erase_if(deliveries, [](const Delivery& held) { return held.is_void(); });
    deliveries.push_back(std::move(delivery));
  }
};

/// The jobs that run here, by key, and the keys that are busy without a job that runs: their row of
/// the journal or their copies are being written, and a message of them waits for the end of that.
class RunningJobs {
 public:
  explicit RunningJobs(const asio::any_io_executor& loop) : loop_(loop), changed_(loop) {}

  RunningJob* find(const std::string& key) const {
    const auto found = jobs_.find(key);
    return found == jobs_.end() ? nullptr : found->second.get();
  }
  RunningJob& add(Job job) {
    std::string key = job.key;
    auto& place = jobs_[std::move(key)];
    place = std::make_unique<RunningJob>(loop_, std::move(job));
    return *place;
  }
  void remove(const std::string& key) {
    jobs_.erase(key);
    changed_.notify();
  }
  const std::map<std::string, std::unique_ptr<RunningJob>>& all() const { return jobs_; }
  bool empty() const { return jobs_.empty(); }
  /// Notified when a job has left, or a key is busy no more.
  Notice& changed() { return changed_; }

  /// Makes its key busy for as long as it lives.
  class Busy {
   public:
    /// REQUIRES: the key is not busy.
    Busy(RunningJobs& jobs, std::string key) : jobs_(jobs), key_(std::move(key)) {
      jobs_.busy_.insert(key_);
    }
    ~Busy() {
      jobs_.busy_.erase(key_);
      jobs_.changed_.notify();
    }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

   private:
    RunningJobs& jobs_;
    std::string key_;
  };
  bool is_busy(const std::string& key) const { return busy_.contains(key); }

 private:
  asio::any_io_executor loop_;
  std::map<std::string, std::unique_ptr<RunningJob>> jobs_;
  std::set<std::string> busy_;
  Notice changed_;
};

}  // namespace rbit
