#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "rbit/base/clock.h"
#include "rbit/base/task.h"
#include "rbit/core/credit.h"
#include "rbit/core/delivery.h"
#include "rbit/intake/amqp_copy.h"
#include "rbit/intake/read_channel.h"
#include "rbit/intake/topology.h"

namespace rbit {

/// What a transport has done since its start. Tests ask.
struct AmqpCounters {
  std::uint64_t received = 0;
  std::uint64_t requeued = 0;       // given back
  std::uint64_t stale = 0;          // settlements that came too late: their channel was gone
  std::uint64_t subscriptions = 0;  // basic.consume
};

/// Code of the refusal when the broker has cancelled our consumer.
inline constexpr int consumer_withdrawn = -10;

/// Reads one queue on one channel at a time, which others may read from, too, and keeps the credit
/// rule: never more messages asked for than are welcome, and no consumer where none is
/// (rbit/doc/traps.rst, broker-prefetch). A consumer stays as it is while its prefetch is about
/// what may be out in all, for each acknowledgement makes room in it. Shared by the transport and
/// by the deliveries that are out, which may outlive the channel. On the loop's thread.
class AmqpReader : public std::enable_shared_from_this<AmqpReader>, public ReadChannel::Member {
 public:
  /// One basic.consume. Cancelled or not, its unacknowledged messages are known here.
  struct Consumer {
    std::string tag;
    int prefetch = 0;
    SteadyTime made{};
    std::set<std::uint64_t> tags;  // of those
    bool withdrawn = false;        // the broker ended it: it has taken its messages back
    int spare() const { return prefetch - static_cast<int>(tags.size()); }
  };

  struct Links {
    std::function<void(Delivery)> deliver;
    std::function<void()> changed;  // it might want a look
  };

  /// How it comes to its messages.
  enum class Way {
    consume,
    look_first,  // with basic.get until nothing is there, then it consumes
    look_only,
  };

  AmqpReader(const asio::any_io_executor& loop, WorkQueue queue, Way way, AmqpCopy& copy,
             AmqpCounters& counters, Links links);

  void unlink() { links_ = {}; }
  const WorkQueue& queue() const { return queue_; }
  /// What it is read on now; none: nothing is.
  const std::shared_ptr<ReadChannel>& channel() const { return channel_; }

  /// A channel to read from. `trouble` is called once when it can be read no more.
  void attach(std::shared_ptr<ReadChannel> channel,
              std::function<void(const amqp::Refusal&)> trouble);
  void detach(const std::shared_ptr<ReadChannel>& channel);

  /// From now on it comes to its messages so.
  void go_way(Way way) { way_ = way; }
  /// The broker refuses basic.get of this queue: it is consumed, whatever its way.
  void refuse_gets(bool refused) { gets_refused_ = refused; }
  bool gets_refused() const { return gets_refused_; }

  /// Remembered at once, acted upon by `apply`, so that many changes of one turn are one. Returns
  /// false if there is nothing to be done.
  bool set_credit(Credit credit);
  void apply();
  void stop();

  /// True if there is a free slot and no consumer that could fill it.
  bool wants_a_look() const;
  /// basic.get; true: a message was there and is delivered.
  Task<bool> look();
  bool consumes() const { return consumer_ != nullptr; }
  bool seems_empty() const { return seems_empty_; }
  void forget_emptiness() { seems_empty_ = false; }
  /// When it was found empty.
  SteadyTime looked() const { return looked_; }
  /// Consumes from now on, as far as the credit goes. A reader that looks first waits for this.
  void subscribe();

  // For the deliveries' settlers.
  AmqpCopy& copy() { return copy_; }
  AmqpCounters& counters() { return counters_; }
  /// Called right before a settlement is sent: cancels the consumer if what the settlement sets
  /// free would bring a message that has no slot.
  void before_settlement(const std::shared_ptr<Consumer>& consumer, std::uint64_t tag);
  /// Called when a message was given back: it is left alone for a moment, or it would come at once.
  void rest();

 private:
  void delivered(const std::shared_ptr<ReadChannel>& on, amqp::Incoming incoming) override;
  void consumer_cancelled(const std::shared_ptr<ReadChannel>& on, const std::string& tag) override;
  void closed(const std::shared_ptr<ReadChannel>& on, const amqp::Refusal& why) override;
  Way way() const { return gets_refused_ ? Way::consume : way_; }
  bool is_short() const;
  void consume(int prefetch);
  void cancel();
  void withdraw();
  void apply_later(std::chrono::milliseconds pause);

  WorkQueue queue_;
  Way way_;
  AmqpCopy& copy_;
  AmqpCounters& counters_;
  Links links_;
  std::shared_ptr<ReadChannel> channel_;
  std::string tags_;  // what our consumers' tags begin with on that channel
  std::function<void(const amqp::Refusal&)> trouble_;
  std::shared_ptr<Consumer> consumer_;  // the one that is not cancelled
  std::uint64_t consumers_ = 0;         // made so far: each has a tag of its own
  Credit credit_;
  bool stopped_ = false;
  bool gets_refused_ = false;
  bool seems_empty_ = false;
  SteadyTime looked_{};
  bool resting_ = false;
  bool short_since_a_while_ = false;  // the consumer brings too little, and did when we last looked
  asio::steady_timer timer_;
  bool timer_set_ = false;
};

}  // namespace rbit
