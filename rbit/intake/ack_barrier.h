#pragma once

#include <memory>
#include <vector>

#include "rbit/amqp/channel.h"
#include "rbit/base/task.h"

namespace rbit {

/// Tells when the broker has processed what was sent on a channel. Acknowledgements are not
/// answered, but a request that follows them on the same channel is: `basic.qos`, which changes
/// nothing, for it holds for consumers made afterwards and each of them brings its own. All that
/// ask while one answer is awaited share the next. On the loop's thread.
class AckBarrier : public std::enable_shared_from_this<AckBarrier> {
 public:
  explicit AckBarrier(std::shared_ptr<amqp::Channel> channel) : channel_(std::move(channel)) {}

  amqp::Channel& channel() const { return *channel_; }
  /// Ends when all that was sent before is processed. A refusal: that is not known.
  Task<amqp::Answer> pass();

 private:
  void ask();

  std::shared_ptr<amqp::Channel> channel_;
  std::vector<amqp::Channel::Done> waiting_;
  bool asking_ = false;
};

}  // namespace rbit
