#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "rbit/amqp/keeper.h"
#include "rbit/amqp/publisher.h"
#include "rbit/base/lifetime.h"
#include "rbit/base/recent.h"

namespace rbit::amqp {

/// Publishes on a connection of its own, for an alarm at the broker stops reading whatever
/// publishes. What was not confirmed when the connection broke is published again with the same
/// message id, so it may arrive twice. On the loop's thread; closed before it is destroyed.
class PublishConnection : public Publisher {
 public:
  /// `patience`: how long a message or a declaration waits for the broker in all. Less, if the
  /// broker refuses our login and never took it: what waits then fails at once.
  PublishConnection(const asio::any_io_executor& loop, ConnectionSettings settings,
                    std::chrono::milliseconds patience, Voice voice = Voice::quiet);

  void start();
  /// Everything still waiting fails.
  Task<void> close();

  Task<Result<void>> publish(Outgoing message) override;
  Task<Result<void>> declare_queue(const std::string& name) override;

  /// From now on what `publish` sends does not lose its patience while the broker says that it
  /// takes no messages (connection.blocked): for whom nobody waits.
  void hold_while_blocked() { holds_ = true; }
  /// Called if the connection is beyond hope: see Keeper.
  void on_hopeless(std::function<void(const Refusal&)> hook) { hopeless_ = std::move(hook); }

  /// The same with the reason in numbers: 312 unroutable, `nacked`, 403, 404, ..., and whether it
  /// may have arrived all the same.
  Task<Answer> send(Outgoing message) { return send(std::move(message), false); }
  /// The same for whom nobody waits: see `hold_while_blocked`.
  Task<Answer> send_patiently(Outgoing message) { return send(std::move(message), holds_); }
  /// With arguments. Once for each connection, and again after a message to it was unroutable. A
  /// queue that has other arguments is a refusal with code 406.
  Task<Answer> declare(DeclareQueue queue);

  /// How much is in a queue, and who reads it; 404: it is not there.
  Task<Answer> count(const std::string& queue);

  bool is_up() const { return keeper_.is_up(); }
  /// The last try ended with the broker refusing user, password or virtual host (exit 77).
  bool refused_login() const { return keeper_.refusal() && keeper_.refusal()->login; }
  /// Why the broker takes no messages; none: it does, or is away.
  const std::optional<std::string>& blocked() const { return keeper_.blocked(); }

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Item {
    Outgoing message;
    std::function<void(Answer)> done;
    Time deadline;
    bool in_flight = false;
    bool suspect = false;  // it or a neighbour of it closed the channel: it goes alone next time
    bool alone = false;    // it is the only one under way: what becomes of the channel is its doing
    bool holds = false;    // however long the broker is blocked
    bool again = false;    // it was not confirmed in time, and is published a second time
    bool unsure = false;   // it was sent on a connection that is lost, unanswered
  };

  void open_channel();
  Task<Answer> send(Outgoing message, bool holds);
  Task<Answer> declare_on(std::shared_ptr<Connection> connection, DeclareQueue queue,
                          Time deadline);
  bool goes_alone(const Item& item) const;
  void kick();
  void pump();
  void answered(std::uint64_t number, const Answer& answer);
  void finish(std::uint64_t number, Answer answer);
  void sweep();
  void look_after_all();
  void give_up();  // whatever waits: we are not welcome
  Refusal away() const;

  asio::any_io_executor loop_;
  std::chrono::milliseconds patience_, confirm_limit_;
  Keeper keeper_;
  std::shared_ptr<Connection> connection_;
  std::shared_ptr<Channel> channel_;
  Notice up_;
  std::set<std::string> declared_;  // on this connection
  std::set<std::string> proven_;    // exchanges that took something on this connection
  bool was_up_ = false;
  std::uint64_t login_refusals_ = 0;  // before it was up for the first time
  std::uint64_t last_number_ = 0;
  std::map<std::uint64_t, Item> items_;      // in the order of coming
  std::map<std::uint64_t, Time> in_flight_;  // since when; also what lost its patience meanwhile
  bool holds_ = false;
  std::function<void(const Refusal&)> hopeless_;
  Recent odd_closes_;  // of the channel, by the broker, and not a message's fault
  bool kicked_ = false, sweeping_ = false, closing_ = false;
  asio::steady_timer sweeper_;
  Lifetime lifetime_;  // what is posted asks it first
};

}  // namespace rbit::amqp
