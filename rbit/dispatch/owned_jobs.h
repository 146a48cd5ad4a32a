#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "rbit/base/alarm.h"
#include "rbit/dispatch/job_flow.h"

namespace rbit {

/// Jobs and dead letters that the journal alone stands for: how they leave it. On the loop's
/// thread.
class OwnedJobs {
 public:
  /// Returns null if the queue is not read here, or its route does not name that runner.
  using BindingOf = std::function<std::shared_ptr<const Binding>(const std::string& queue,
                                                                 const std::string& runner)>;
  /// `may_begin`: whether jobs of a queue that is read here may begin now.
  OwnedJobs(DispatchContext& context, JobFlow& flow, Recorder& recorder, Settling& settling,
            BindingOf binding_of, std::function<bool(const Binding&)> may_begin);

  /// What an earlier life owned: jobs without a verdict wait for a slot, the others are settled.
  void take_over();
  /// The same of one job, whose attempt was followed here and has ended without a verdict.
  void take_over(const std::string& key);
  /// Starts those that are due and find a slot. They come before messages: nobody else can do them.
  void start_due();
  /// A message whose copy is refused is ours from now on: a retry until its time comes, a dead
  /// letter until somebody takes it.
  void keep(const JobRecord& job);
  /// Our own stop: jobs of ours that have not begun go back to their queues, for others or for our
  /// next life. Those that wait here for a retry were refused by the broker; they stay, and keep
  /// their time. Nothing is started any more.
  void end();

  /// A dead letter that waits here until the broker takes it: `again` goes into its queue, as a new
  /// message and first, or nothing does, and then it is gone. An Error: it stays.
  Task<Result<void>> end_dead_letter(std::string key, std::optional<Message> again);

 private:
  Task<void> resume(std::shared_ptr<const Binding> binding, std::string key, Slot slot);
  void send_away(std::string key);
  Task<void> finish(std::string key);
  Task<void> requeue(const OwnedJob& owned, Delivery delivery);
  Task<void> settle(const OwnedJob& owned, Delivery delivery);
  void watch_dead_letters(milliseconds pause);
  Task<void> move_dead_letters(milliseconds pause);

  DispatchContext& context_;
  JobFlow& flow_;
  Recorder& recorder_;
  Settling& settling_;
  BindingOf binding_of_;
  std::function<bool(const Binding&)> may_begin_;
  Alarm alarm_;  // when the next one becomes due
  bool ended_ = false;
  bool is_starting_ = false;
  bool has_dead_letters_ = false;  // that nobody took so far
};

}  // namespace rbit
