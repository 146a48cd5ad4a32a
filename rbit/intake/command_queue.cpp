#include "rbit/intake/command_queue.h"

#include <algorithm>
#include <utility>

#include "rbit/base/backoff.h"
#include "rbit/base/text.h"
#include "rbit/intake/command.h"
#include "rbit/log/log.h"

namespace rbit {

using amqp::Answer;
using amqp::Refusal;

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::uint16_t at_once = 16;  // commands under way
constexpr const char* tag = "rbit-commands";

std::string in_seconds(std::chrono::milliseconds time) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count()) + " s";
}

}  // namespace

CommandQueue::CommandQueue(const asio::any_io_executor& loop, CommandQueueSettings settings,
                           Cancel cancel)
    : settings_(std::move(settings)), cancel_(std::move(cancel)), changed_(loop), flows_(loop) {}

void CommandQueue::connected(std::shared_ptr<amqp::Connection> connection) {
  if (!closing_) flows_.start(tend(std::move(connection)), "the command queue");
}

void CommandQueue::open() {
  open_ = true;
  changed_.notify();
}

Task<void> CommandQueue::close() {
  closing_ = true;
  changed_.notify();
  co_await flows_.all_ended();
}

Task<void> CommandQueue::tend(std::shared_ptr<amqp::Connection> connection) {
  // A command queue that ends connections is not asked for on each new one.
  if (const auto now = SteadyClock::now(); now < not_before_)
    co_await pause(std::chrono::ceil<std::chrono::milliseconds>(not_before_ - now), connection);
  while (connection->is_open() && !closing_) {
    const Refusal why = co_await read(connection);
    if (why.deadly) {
      note_trouble(why);
      not_before_ = SteadyClock::now() + deadly_pauses_.next_step();
    }
    if (!connection->is_open() || closing_) break;
    co_await pause(note_trouble(why), connection);
  }
}

/// Wakes early when the connection ends, or we close.
Task<void> CommandQueue::pause(std::chrono::milliseconds time,
                               std::shared_ptr<amqp::Connection> connection) {
  constexpr std::chrono::milliseconds slice{250};  // nobody tells us of the connection's end
  const auto end = SteadyClock::now() + time;
  while (connection->is_open() && !closing_) {
    const auto left = end - SteadyClock::now();
    if (left <= SteadyClock::duration::zero()) co_return;
    co_await changed_.wait_for(std::min<SteadyClock::duration>(left, slice));
  }
}

Task<Refusal> CommandQueue::read(std::shared_ptr<amqp::Connection> connection) {
  const Channel channel = co_await connection->channel_when_free();
  std::optional<Refusal> ended;
  amqp::Channel::Events events;
  // The queue goes with its consumer, and all that waits there with it.
  events.closed = [&](const Refusal& why) {
    ended = why;
    changed_.notify();
  };
  events.consumer_cancelled = [&](const std::string&) {
    ended = Refusal{amqp::lost, "the queue was deleted"};
    changed_.notify();
  };
  events.delivered = [this, weak = std::weak_ptr(channel)](const amqp::Incoming& incoming) {
    if (const auto from = weak.lock()) receive(from, incoming);
  };
  amqp::DeclareQueue declare;
  declare.name = settings_.name;
  declare.durable = false;
  declare.exclusive = true;
  declare.auto_delete = true;
  const Answer declared = co_await channel->call(std::move(declare));
  if (!declared.ok()) co_return *declared.refusal;
  if (!std::exchange(trouble_, "").empty() || !was_ours_)
    log::info(what() + " is ours: " + "a front-end can cancel jobs here");
  was_ours_ = true;
  locked_at_.reset();
  said_taken_ = false;
  channel->listen(std::move(events));
  flows_.start(keep_bound(connection, channel), "the command queue's binding");
  while (!open_ && !ended && !closing_) co_await changed_.wait();
  channel->request(amqp::SetPrefetch{at_once});
  channel->request(amqp::Consume{settings_.name, tag});
  while (!ended && !closing_) co_await changed_.wait();
  channel->listen({});  // what it called is gone with this frame
  channel->close();
  const Refusal why = ended.value_or(Refusal{});
  co_return why;
}

/// Unbound, it hears nothing: tried again, for the exchange may come with the front-end.
Task<void> CommandQueue::keep_bound(std::shared_ptr<amqp::Connection> connection, Channel channel) {
  while (channel->is_open() && !closing_) {
    const Answer bound = co_await bind(connection);
    if (bound.ok()) {
      if (!std::exchange(binding_trouble_, "").empty())
        log::info(what() + " is bound to exchange " + settings_.exchange);
      break;
    }
    if (!channel->is_open() || closing_) break;
    if (std::exchange(binding_trouble_, bound.refusal->text) != bound.refusal->text)
      log::warning(what() + " could not be bound to exchange " + settings_.exchange +
                   ", no cancel arrives until it is: " + text::one_line(bound.refusal->text, 300) +
                   " (tried again by itself)");
    co_await pause(settings_.retry, connection);
  }
}

/// On channels of its own: a refusal closes the one it came on.
Task<Answer> CommandQueue::bind(std::shared_ptr<amqp::Connection> connection) {
  Channel channel = co_await connection->channel_when_free();
  if (settings_.declare_exchange) {
    amqp::DeclareExchange declare{settings_.exchange};
    const Answer declared = co_await channel->call(std::move(declare));
    if (!declared.ok())
      channel = co_await connection->channel_when_free();  // it may be there all the same
  }
  amqp::BindQueue by_name{settings_.name, settings_.exchange, settings_.name};
  Answer bound = co_await channel->call(std::move(by_name));
  channel->close();
  co_return bound;
}

/// Says each trouble once, and gives the pause until the next try.
std::chrono::milliseconds CommandQueue::note_trouble(const Refusal& why) {
  if (why.code == amqp::resource_locked) return note_taken(why);
  locked_at_.reset();
  if (std::exchange(trouble_, why.text) != why.text)
    log::warning(what() + " cannot be used, no cancel arrives until it can: " +
                 text::one_line(why.text, 300) + " (tried again by itself)");
  return why.code == amqp::lost ? settings_.locked_retry : settings_.retry;
}

std::chrono::milliseconds CommandQueue::note_taken(const Refusal& why) {
  const auto now = SteadyClock::now();
  if (!locked_at_) {
    locked_at_ = now;
    trouble_ = why.text;
    log::warning(what() + " is held by another connection: by another rbit of this name, or by " +
                 "our own one that broke off; trying for " + in_seconds(settings_.ghost_limit));
  }
  if (now - *locked_at_ >= settings_.ghost_limit && !std::exchange(said_taken_, true)) {
    const Error taken{what(),
                      "another rbit has this name: it has held the queue for " +
                          in_seconds(settings_.ghost_limit),
                      "give each rbit a [rbit] name or a command-queue of its own"};
    // One that lost the queue in mid-life has jobs, and its place may become free again.
    if (!was_ours_ && taken_hook_)
      taken_hook_(taken);
    else
      log::error(taken.text());
  }
  return settings_.locked_retry;
}

void CommandQueue::receive(const Channel& channel, const amqp::Incoming& incoming) {
  const std::string size = std::to_string(incoming.size) + " bytes";
  Result<Command> command = incoming.oversized
                                ? Result<Command>(Error{"undecodable", "it is too large", ""})
                                : parse_command(incoming.body);
  if (command && !command->job_id.empty()) {
    flows_.start(obey(std::move(command->job_id), channel, incoming.delivery_tag), "a cancel");
    return;
  }
  if (command)
    log::info(what() + ": a " + command->kind + " means nothing here and is dropped");
  else
    log::warning(what() + ": a message of " + size +
                 " is no command and is dropped: " + command.error().what());
  channel->settle(amqp::Settle{incoming.delivery_tag});
}

/// The message is ours as long as its channel lives: until the cancel is on record.
Task<void> CommandQueue::obey(std::string job_id, Channel channel, std::uint64_t delivery_tag) {
  Backoff backoff(std::chrono::milliseconds(200), std::chrono::seconds(10));
  for (bool said = false;; said = true) {
    const Result<void> done = co_await cancel_(job_id);
    if (done) {
      channel->settle(amqp::Settle{delivery_tag});
      break;
    }
    if (!said)
      log::error("the cancel of job " + job_id + " is not on record yet: " + done.error().text(),
                 {{"job", job_id}});
    if (!channel->is_open() || closing_) break;
    co_await changed_.wait_for(backoff.next());
  }
}

}  // namespace rbit
