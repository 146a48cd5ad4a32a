#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/job.h"
#include "rbit/core/message.h"
#include "rbit/core/outcome.h"
#include "rbit/core/report.h"
#include "rbit/core/standing.h"
#include "rbit/core/status.h"

namespace rbit {

/// Hears what becomes of messages and jobs. Each call returns at once; only `before` is waited for.
/// On the loop's thread.
class JobObserver {
 public:
  virtual ~JobObserver() = default;

  /// A message has come; it may be no job.
  virtual void received(const Message&) {}
  /// It is none, and becomes a dead letter.
  virtual void refused(const Message&, const Error&) {}
  /// It came again and joins its job, which runs.
  virtual void joined(const Message&) {}
  /// A job is about to begin. How the observer has it; `unclear` if that is nothing to it. A job
  /// waits for this, in its slot; it lives until the task ends.
  virtual Task<Standing> before(const Job&) { co_return Standing{}; }
  /// A status of a job is on record; the outbox has it for every target.
  virtual void status(const Report&) {}
  /// Something that a job publishes is on record.
  virtual void published() {}
  /// A job says how far it is, or changes a metric while it runs; what it changes with its verdict
  /// is in the outcome.
  virtual void progress(const Job&, const Progress&) {}
  virtual void metric(const Job&, const MetricChange&) {}
  /// The end of an attempt is on record. `told` is the status that was reported of it; none of an
  /// interrupted one.
  virtual void finished(const Job&, const Outcome&, std::optional<Status> /*told*/) {}
};

/// Several of them as one, in the order in which they were added.
class JobObservers : public JobObserver {
 public:
  /// `one` must outlive this.
  void add(JobObserver& one) { all_.push_back(&one); }

  /// None hears anything any more.
  void clear() { all_.clear(); }

  void received(const Message& message) override {
    for (JobObserver* one : all_) one->received(message);
  }
  void refused(const Message& message, const Error& why) override {
    for (JobObserver* one : all_) one->refused(message, why);
  }
  void joined(const Message& message) override {
    for (JobObserver* one : all_) one->joined(message);
  }
  /// The first that is not `unclear`; the others are not asked.
  Task<Standing> before(const Job& job) override {
    Standing last;
    for (JobObserver* one : all_) {
      Standing standing = co_await one->before(job);
      if (standing.kind != Standing::Kind::unclear) co_return standing;
      if (!standing.said.empty()) last = std::move(standing);
    }
    co_return last;
  }
  void status(const Report& report) override {
    for (JobObserver* one : all_) one->status(report);
  }
  void published() override {
    for (JobObserver* one : all_) one->published();
  }
  void progress(const Job& job, const Progress& progress) override {
    for (JobObserver* one : all_) one->progress(job, progress);
  }
  void metric(const Job& job, const MetricChange& change) override {
    for (JobObserver* one : all_) one->metric(job, change);
  }
  void finished(const Job& job, const Outcome& outcome, std::optional<Status> told) override {
    for (JobObserver* one : all_) one->finished(job, outcome, told);
  }

 private:
  std::vector<JobObserver*> all_;
};

}  // namespace rbit
