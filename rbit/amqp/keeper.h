#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "rbit/amqp/connection.h"
#include "rbit/amqp/settings.h"
#include "rbit/base/backoff.h"
#include "rbit/base/notice.h"
#include "rbit/base/recent.h"
#include "rbit/base/task.h"

namespace rbit::amqp {

/// Whether a Keeper says in the log that the broker is away and back. One of several to the same
/// broker is enough; the quiet ones say it at level debug.
enum class Voice { loud, quiet };

/// Keeps one connection to the broker up: connects, and connects again after a pause whenever it is
/// lost, for ever. Every endpoint is tried before a pause. Says each state once, not each try.
/// On the loop's thread. Close it, and wait for that, before it is destroyed while the loop runs.
class Keeper {
 public:
  struct Events {
    std::function<void(std::shared_ptr<Connection>)> up;
    std::function<void(const Refusal&)> down;  // it was up
    /// A try to connect has failed; `login`: we are not welcome.
    std::function<void(const Refusal&)> connect_failed;
    std::function<void(bool)> blocked;  // the broker takes no messages; it does again
    /// Five connections in ten minutes ended over the protocol: one of the two sides is broken.
    std::function<void(const Refusal&)> hopeless;
  };

  Keeper(const asio::any_io_executor& loop, ConnectionSettings settings, Voice voice);

  void start(Events events);
  Task<void> close();

  /// Cuts the connection off, if there is one, and makes the next. `why` is for the log.
  void reconnect(const std::string& why);

  bool is_up() const { return up_ && connection_ && connection_->is_open(); }
  /// Why the broker takes no messages (connection.blocked); none: it does, or is away.
  const std::optional<std::string>& blocked() const { return blocked_; }
  /// "localhost:5672 RabbitMQ 3.10.8"; empty while it is not up.
  std::string broker() const { return is_up() ? connection_->broker() : ""; }
  /// Why it is not up; none while it is, and before the first try has ended.
  const std::optional<Refusal>& refusal() const { return refusal_; }
  /// "host:port" of all brokers it may be at, in the order of their turns.
  std::string endpoints() const;

 private:
  Task<void> run();
  Task<bool> serve();  // one connection; false: it never stood
  /// After the broker allowed us too few channels: whether it allows enough now.
  Task<Answer> try_channels(std::shared_ptr<Connection> connection);
  void note_channel_limit(Refusal& why, int channels);
  Refusal too_few_channels(Refusal why) const;
  void say_connected();
  void note_blocked(bool blocked, const std::string& reason);
  void say_if_it_takes_long();
  void say_unreachable(const Refusal& why);
  void say(bool serious, const std::string& text) const;

  asio::any_io_executor loop_;
  ConnectionSettings settings_;
  int channel_max_;  // what the settings had
  Voice voice_;
  Events events_;
  Backoff pause_;
  Notice changed_;  // closing, or the connection has ended, or `run` has
  std::shared_ptr<Connection> connection_;
  bool started_ = false, closing_ = false, ended_ = false;
  bool up_ = false;       // others have the connection
  bool starved_ = false;  // the last connection ended because it got fewer channels than it needs
  std::string said_channels_;
  bool not_welcome_ = false;
  bool said_unreachable_ = false, said_limit_ = false;
  std::chrono::steady_clock::time_point said_not_welcome_{};
  std::optional<Refusal> refusal_;
  std::optional<std::string> blocked_;
  asio::steady_timer first_try_, blocked_since_;
  Recent protocol_faults_;
};

}  // namespace rbit::amqp
