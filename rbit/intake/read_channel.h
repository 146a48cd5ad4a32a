#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rbit/amqp/connection.h"
#include "rbit/base/notice.h"
#include "rbit/base/task.h"

namespace rbit {

/// Code of the refusal that those hear who share a channel with a queue that made the broker close
/// it, and have nothing to do with it.
inline constexpr int bystander = -11;

/// A channel that one queue is read on, or several where the broker allows fewer channels than
/// there are queues. It brings each what is its own: messages by the tag of their consumer, and the
/// broker's "no" to whom it is meant for. Held by its readers and by the deliveries that are out;
/// when the last of them is gone it closes. On the loop's thread.
class ReadChannel : public std::enable_shared_from_this<ReadChannel> {
 public:
  /// Who reads a queue here. `on` is the channel that tells it.
  class Member {
   public:
    virtual ~Member() = default;
    virtual void delivered(const std::shared_ptr<ReadChannel>& on, amqp::Incoming incoming) = 0;
    virtual void consumer_cancelled(const std::shared_ptr<ReadChannel>& on,
                                    const std::string& tag) = 0;
    virtual void closed(const std::shared_ptr<ReadChannel>& on, const amqp::Refusal& why) = 0;
  };

  static std::shared_ptr<ReadChannel> on(std::shared_ptr<amqp::Channel> channel);
  explicit ReadChannel(std::shared_ptr<amqp::Channel> channel) : channel_(std::move(channel)) {}

  amqp::Channel& channel() const { return *channel_; }

  /// What the tags of this member's consumers begin with.
  std::string join(std::string queue, std::weak_ptr<Member> member);
  /// It hears no more of the channel; messages that are under way to it still come.
  void leave(const std::string& tags);
  int members() const { return members_; }

  /// basic.get for the member with these tags. One at a time.
  Task<amqp::Answer> get(std::string tags);

  /// Ends when the broker has processed all that was sent here before. A refusal: that is not
  /// known. Acknowledgements are not answered, but a request that follows them on the same channel
  /// is: `basic.qos`, which changes nothing, for it holds for consumers made afterwards and each of
  /// them brings its own. All that ask while one answer is awaited share the next.
  Task<amqp::Answer> barrier();

 private:
  struct Place {
    std::string queue;
    std::weak_ptr<Member> member;
    bool left = false;
  };

  void deliver(amqp::Incoming incoming);
  void tell_cancelled(const std::string& tag);
  void tell_closed(const amqp::Refusal& why);
  /// Whose doing it was; all of them if that is not known.
  std::vector<std::string> concerned(const amqp::Refusal& why) const;
  Place* place_of(const std::string& tag);
  void ask();

  std::shared_ptr<amqp::Channel> channel_;
  std::map<std::string, Place> all_;  // by the beginning of their tags, also of who left last
  int members_ = 0, joined_ = 0;
  std::string getter_;
  std::vector<amqp::Channel::Done> waiting_;  // for the barrier
  bool asking_ = false;
};

/// Hands out the channels of one connection after the other that queues are read on: one a queue
/// while the broker allows that many, else they share. Some are left for what is opened for a
/// moment, for the command queue, and for a queue in trouble, so that it troubles nobody. On the
/// loop's thread.
class ReadChannels {
 public:
  /// `others`: how many channels somebody else needs on the connection.
  ReadChannels(const asio::any_io_executor& loop, int others) : others_(others), opened_(loop) {}

  /// Returns none if there is none left, for the moment, or the connection has ended.
  Task<std::shared_ptr<ReadChannel>> take(std::shared_ptr<amqp::Connection> connection,
                                          bool in_trouble);

 private:
  struct One {
    std::weak_ptr<ReadChannel> channel;
    bool in_trouble;
  };

  void forget_old(const std::shared_ptr<amqp::Connection>& connection);
  std::shared_ptr<ReadChannel> shared(bool in_trouble) const;

  int others_;
  int opening_ = 0;
  Notice opened_;  // one that was being opened, or it was not
  std::weak_ptr<amqp::Connection> connection_;
  std::vector<One> all_;  // of that connection
};

}  // namespace rbit
