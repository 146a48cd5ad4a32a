#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "rbit/amqp/channel_state.h"

namespace rbit::amqp {

/// Whose doing it was that a connection ends: lays the error at the door of the queue and the
/// operation that caused it. The `suspects` of a channel are queues, or tags of consumers.
class Blame {
 public:
  /// The broker has closed the connection over `request`. It names the method, not the channel;
  /// where it names none, as when its own channel crashed, whatever was asked may have been it.
  /// Returns whether anything of a queue's was.
  bool closed(ChannelStates& channels, const Refusal& why, std::optional<std::size_t> request);
  /// Returns whether an answer is overdue. One request alone hangs for its queue's sake; where
  /// several do, the broker is ill.
  bool late(ChannelStates& channels, std::chrono::steady_clock::time_point now);
  /// What cannot be read came on a channel that a message had begun on, and belongs to whoever it
  /// was for: the broker sends the parts of a message without a pause between them.
  void unreadable(ChannelStates& channels);

  const std::string& operation() const { return operation_; }
  /// What came is to blame, and not what was asked.
  bool is_unreadable() const { return is_unreadable_; }

 private:
  std::string operation_;
  bool is_unreadable_ = false;
};

}  // namespace rbit::amqp
