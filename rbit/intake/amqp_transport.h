#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "rbit/amqp/keeper.h"
#include "rbit/amqp/publish_connection.h"
#include "rbit/base/clock.h"
#include "rbit/base/flows.h"
#include "rbit/base/lifetime.h"
#include "rbit/core/live_broker.h"
#include "rbit/core/transport.h"
#include "rbit/intake/amqp_copy.h"
#include "rbit/intake/amqp_reader.h"
#include "rbit/intake/queue_tender.h"
#include "rbit/intake/topology.h"

namespace rbit {

/// Messages from queues of an AMQP broker: one connection, one channel a queue where the broker
/// allows that many, manual acknowledgement. Connects again by itself; a queue in trouble is tried
/// again alone, on a connection of its own if it is one that ends connections. With several
/// queues, or with a poll time, free slots are filled by basic.get in turn, which brings one
/// message for one slot and is fair; queues found empty are consumed, with a prefetch of the free
/// slots, unless there is a poll time. A single queue is consumed at once. On the loop's thread.
/// REQUIRES: `close` has ended before it is destroyed while the loop runs.
class AmqpTransport : public Transport {
 public:
  /// `publisher` takes the copies of retries and dead letters; its maker starts and closes it.
  AmqpTransport(const asio::any_io_executor& loop, Clock& clock, AmqpTransportSettings settings,
                amqp::PublishConnection& publisher);
  ~AmqpTransport() override;

  void start(std::vector<std::string> queues, std::function<void(Delivery)> deliver) override;
  void add_queue(const std::string& queue) override;
  void remove_queue(const std::string& queue) override;
  void set_credit(const std::string& queue, Credit credit) override;
  Delivery adopt(Message message) override;
  bool has_acknowledgement_timeout() const override { return true; }
  void stop_taking() override;
  Task<void> close() override;

  // For the monitor and the app.

  /// Called at each change; `why` is empty when connected.
  void on_state(std::function<void(bool connected, const std::string& why)> hook);
  /// Called with each new connection, for others who have a channel there.
  void on_connection(std::function<void(std::shared_ptr<amqp::Connection>)> hook) {
    connection_hook_ = std::move(hook);
  }
  /// Called if the connection is beyond hope (exit 70): see Keeper.
  void on_hopeless(std::function<void(const Error&)> hook);
  /// Called each time the broker refuses user, password or virtual host (at the start: exit 77).
  void on_not_welcome(std::function<void(const Error&)> hook);
  /// Called when the broker took messages back because they were out for longer than `limit`;
  /// negative: it did not say how long that is.
  void on_acknowledgement_timeout(std::function<void(milliseconds limit)> hook);
  /// The address and version of the broker, while connected.
  std::string broker() const { return keeper_.broker(); }
  /// Why it is not connected, and what helps; empty: it is.
  std::string away() const;
  /// How many consumers of ours that queue has at this moment.
  std::uint32_t consumers(const std::string& queue) const;
  const AmqpCounters& counters() const { return counters_; }
  /// As `LiveBroker::unread_queues`.
  std::map<std::string, std::string> troubles(
      std::chrono::milliseconds grace = LiveBroker::usual_grace) const;

 private:
  void start_looking();
  Task<void> leave(std::shared_ptr<QueueTender> tender);
  void apply_soon();
  std::string trouble_of(const QueueTender& tender, std::chrono::milliseconds grace) const;
  /// Says once a connection how many queues are read, when each of them is, or is in trouble.
  void say_reading();
  Task<void> look_around();
  Task<bool> look_once();
  AmqpReader* next_to_look();

  asio::any_io_executor loop_;
  AmqpTransportSettings settings_;
  AmqpCopy copy_;
  Topology topology_;
  amqp::Keeper keeper_;
  AmqpCounters counters_;
  ReadChannels channels_;
  std::shared_ptr<amqp::Connection> connection_;  // while it is up
  std::map<std::string, std::shared_ptr<AmqpReader>> readers_;
  std::vector<std::shared_ptr<QueueTender>> tenders_;
  std::set<std::shared_ptr<QueueTender>> leaving_;  // of queues that are not read any more
  std::function<void(Delivery)> deliver_;
  AmqpReader::Way way_ = AmqpReader::Way::consume;  // of those that are read
  bool looks_ = false;
  std::string last_looked_;  // the round goes on after it
  std::function<void(bool, const std::string&)> state_hook_;
  std::function<void(const Error&)> not_welcome_hook_, hopeless_hook_;
  std::function<void(milliseconds)> timeout_hook_;
  std::function<void(std::shared_ptr<amqp::Connection>)> connection_hook_;
  Notice changed_;  // a channel's or the connection's state; closing
  Notice look_;     // somebody might want a look
  bool look_due_ = false;
  Flows flows_;
  bool said_reading_ = false;
  bool closing_ = false, apply_due_ = false;
  std::vector<std::shared_ptr<AmqpReader>> to_apply_;
  Lifetime lifetime_;  // what is posted asks it first
};

}  // namespace rbit
