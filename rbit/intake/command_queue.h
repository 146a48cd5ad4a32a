#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "rbit/amqp/connection.h"
#include "rbit/base/backoff.h"
#include "rbit/base/clock.h"
#include "rbit/base/flows.h"
#include "rbit/base/notice.h"
#include "rbit/base/result.h"
#include "rbit/base/task.h"

namespace rbit {

struct CommandQueueSettings {
  std::string name;      // PyBit's name of its client, us
  std::string exchange;  // bound to by the queue's name
  bool declare_exchange = true;
  /// How long somebody else's claim to it may be our own of a moment ago, whose connection the
  /// broker has not given up yet: two heartbeats and a little.
  std::chrono::milliseconds ghost_limit{70'000};
  std::chrono::milliseconds locked_retry{5'000}, retry{60'000};
};

/// The queue by which a front-end reaches this rbit: not durable, exclusive, auto-delete, so that
/// it is there as long as we are, and the front-end calls us active. Of what comes there, only a
/// CancelRequest means something. On the loop's thread. REQUIRES: `close` has ended before it is
/// destroyed while the loop runs.
class CommandQueue {
 public:
  /// `cancel` gets the id of the job; an Error is tried again later, for as long as the message is
  /// ours.
  using Cancel = std::function<Task<Result<void>>(std::string job_id)>;
  CommandQueue(const asio::any_io_executor& loop, CommandQueueSettings settings, Cancel cancel);

  /// Called once if another rbit has this name: it had the queue from our start on, and for longer
  /// than a ghost would.
  void on_taken(std::function<void(const Error&)> hook) { taken_hook_ = std::move(hook); }

  /// A new connection to the broker: declares the queue there and keeps it.
  void connected(std::shared_ptr<amqp::Connection> connection);
  /// Begins to take what waits there.
  void open();
  Task<void> close();

 private:
  using Channel = std::shared_ptr<amqp::Channel>;

  Task<void> tend(std::shared_ptr<amqp::Connection> connection);
  /// Until it cannot be read any more, and why.
  Task<amqp::Refusal> read(std::shared_ptr<amqp::Connection> connection);
  Task<void> keep_bound(std::shared_ptr<amqp::Connection> connection, Channel channel);
  Task<amqp::Answer> bind(std::shared_ptr<amqp::Connection> connection);
  Task<void> pause(std::chrono::milliseconds time, std::shared_ptr<amqp::Connection> connection);
  std::chrono::milliseconds note_trouble(const amqp::Refusal& why);
  std::chrono::milliseconds note_taken(const amqp::Refusal& why);
  void receive(const Channel& channel, const amqp::Incoming& incoming);
  Task<void> obey(std::string job_id, Channel channel, std::uint64_t tag);
  std::string what() const { return "command queue " + settings_.name; }

  CommandQueueSettings settings_;
  Cancel cancel_;
  std::function<void(const Error&)> taken_hook_;
  Notice changed_;  // opening, closing, or a channel's state
  Flows flows_;
  bool open_ = false, closing_ = false;
  bool was_ours_ = false;                // since our start
  std::optional<SteadyTime> locked_at_;  // somebody else has it since then
  bool said_taken_ = false;
  SteadyTime not_before_{};  // it ended a connection
  Backoff deadly_pauses_{std::chrono::minutes(1), std::chrono::hours(1)};
  std::string trouble_, binding_trouble_;  // as said
};

}  // namespace rbit
