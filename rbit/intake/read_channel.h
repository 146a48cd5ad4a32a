#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rbit/amqp/channel.h"
#include "rbit/intake/ack_barrier.h"

namespace rbit {

/// Code of the refusal that those hear who share a channel with a queue that made the broker close
/// it, and have nothing to do with it.
inline constexpr int bystander = -11;

/// A channel that one queue is read on, or several where the broker allows fewer channels than
/// there are queues. It brings each what is its own: messages by the tag of their consumer, and the
/// broker's "no" to whom it is meant for. Held by its readers and by the deliveries that are out;
/// when the last of them is gone it closes. On the loop's thread.
class ReadChannel : public AckBarrier {
 public:
  struct Member {
    std::string queue;
    std::function<void(amqp::Incoming)> delivered;
    std::function<void(const std::string& tag)> consumer_cancelled;
    std::function<void(const amqp::Refusal&)> closed;
  };

  static std::shared_ptr<ReadChannel> on(std::shared_ptr<amqp::Channel> channel);
  explicit ReadChannel(std::shared_ptr<amqp::Channel> channel) : AckBarrier(std::move(channel)) {}

  /// What the tags of this member's consumers begin with.
  std::string join(Member member);
  /// It hears no more of the channel; messages that are under way to it still come.
  void leave(const std::string& tags);
  int members() const { return members_; }

  /// basic.get for the member with these tags. One at a time.
  Task<amqp::Answer> get(std::string tags);

 private:
  void deliver(amqp::Incoming incoming);
  void tell_cancelled(const std::string& tag);
  void tell_closed(const amqp::Refusal& why);
  /// Whose doing it was; all of them if that is not known.
  std::vector<std::string> concerned(const amqp::Refusal& why) const;
  Member* member_of(const std::string& tag);

  std::map<std::string, Member> all_;  // by the beginning of their tags, also of who left last
  int members_ = 0, joined_ = 0;
  std::string getter_;
};

}  // namespace rbit
