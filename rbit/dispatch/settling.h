#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "rbit/dispatch/dispatch_context.h"

namespace rbit {

/// Answers messages until the broker has heard it. What it does not take and will not, the journal
/// keeps. On the loop's thread.
class Settling {
 public:
  /// `owned` is called for a message whose copy is refused: from then on it is ours.
  Settling(DispatchContext& context, std::function<void(const JobRecord&)> owned)
      : context_(context), owned_(std::move(owned)) {}

  /// All messages of a job that has its verdict on record, those that join meanwhile too.
  Task<void> settle_all(RunningJob& running, Settlement settlement);
  /// `key` is the journal's name of it, which may be another than that of the message's copies.
  /// Returns false if the connection is gone: the message comes again, and the journal knows the
  /// answer.
  Task<bool> settle(const std::string& key, Delivery& delivery, const Settlement& settlement);
  /// Acknowledges a message of a job that is on record as ours.
  Task<void> acknowledge(Delivery delivery);
  /// The answer is on record, and was not heard.
  Task<void> answer_again(Delivery delivery, Settlement settlement);
  /// It is no job: it becomes a dead letter or, where it is one of its kind and does not fit, what
  /// the runner's `on-invalid` says. `attempt`: the one that it asks for.
  Task<void> refuse(const Binding& binding, Delivery delivery, Error why, int attempt);

  /// Whether messages of a queue have a verdict that the broker does not take.
  bool is_stuck(const std::string& queue) const { return stuck_.contains(queue); }
  /// How often the answer to that has changed, of any queue.
  int changes() const { return changes_; }

 private:
  static Settlement settlement_of(const Binding& binding, const Error& why, int attempt);
  Task<void> note_settled(std::string key);
  Task<bool> own(const std::string& key, Delivery& delivery, const Settlement& settlement,
                 const Error& why);

  DispatchContext& context_;
  std::function<void(const JobRecord&)> owned_;
  void note_stuck(const std::string& queue, const Settlement& settlement, const Error& why);
  void note_unstuck(const std::string& queue);

  std::map<std::string, int> stuck_;  // messages, by queue
  int changes_ = 0;
  std::set<std::string> refusing_;  // queues whose copies are refused, said once
};

}  // namespace rbit
