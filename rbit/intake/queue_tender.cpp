#include "rbit/intake/queue_tender.h"

#include <utility>

#include "rbit/base/backoff.h"
#include "rbit/base/text.h"
#include "rbit/intake/ack_timeout.h"
#include "rbit/intake/stream_queue.h"
#include "rbit/log/log.h"

namespace rbit {

using amqp::Answer;
using amqp::Connection;
using amqp::Refusal;

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds longest_pause{60'000}, at_once{0};
constexpr std::chrono::seconds settled_after{1};  // then a queue that was in trouble is healthy
// What was asked is told of a connection's end before the connection itself.
constexpr std::chrono::milliseconds news_limit{1'000};
// Between two looks whether all is answered that came on a connection which is to be closed.
constexpr std::chrono::milliseconds answers_pause{1'000};
constexpr std::size_t most_odd_closes = 5;  // within:
constexpr std::chrono::minutes odd_closes_span{10};

/// Somebody else has the queue for himself: as its exclusive consumer, or as the connection that an
/// exclusive queue belongs to. It ends when he leaves.
bool is_taken(const Refusal& why) {
  return why.code == amqp::resource_locked ||
         (why.code == amqp::access_refused &&
          why.text.find("in exclusive use") != std::string::npos);
}

/// A channel's end that is nobody's known doing.
bool is_odd(const Refusal& why) {
  return why.code > 0 && why.code != amqp::access_refused && why.code != amqp::not_found &&
         why.code != amqp::resource_locked && why.code != amqp::precondition_failed;
}

/// "basic.consume: ACCESS_REFUSED - ..."
std::string said(const Refusal& why) {
  const std::string operation = why.operation.empty() ? "" : why.operation + ": ";
  return text::one_line(operation + why.text, 300);
}

}  // namespace

QueueTender::QueueTender(const asio::any_io_executor& loop, std::shared_ptr<AmqpReader> reader,
                         Means means)
    : loop_(loop),
      reader_(std::move(reader)),
      means_(std::move(means)),
      steps_(means_.settings.queue_retry, longest_pause),
      odd_closes_(most_odd_closes, odd_closes_span),
      unread_since_(SteadyClock::now()) {}

SteadyTime::duration QueueTender::unread_for() const {
  return reads_ ? SteadyTime::duration::zero() : SteadyClock::now() - unread_since_;
}

Task<void> QueueTender::run() {
  log::debug("Connecting to queue with name: " + name());
  std::weak_ptr<Connection> last;
  while (!closing_) {
    std::shared_ptr<Connection> connection;
    if (apart_)
      connection = co_await own_connection();
    else
      connection = means_.common();
    if (closing_) break;
    if (!connection) {
      if (apart_)
        co_await wait(steps_.next_step(), nullptr);
      else
        co_await means_.changed.wait();
      continue;
    }
    if (last.lock() != connection && !apart_) steps_.reset();
    last = connection;
    const Refusal why = co_await read(connection);
    if (closing_) break;
    if (why.code == amqp::lost && !why.deadly && connection->is_open())
      co_await wait(news_limit, connection);
    if (closing_) break;
    if (!connection->is_open() && !why.deadly) {  // as connections end: it is not the queue's doing
      if (apart_ && was_read_) apart_ = false;
      if (connection == own_) own_.reset();
      if (apart_) co_await wait(steps_.next_step(), nullptr);
      continue;
    }
    const std::chrono::milliseconds pause = pause_after(why);
    co_await wait(pause, connection);
  }
  has_ended_ = true;
  means_.changed.notify();
}

Task<void> QueueTender::close() {
  closing_ = true;
  means_.changed.notify();
  const std::shared_ptr<Connection> own = own_;
  if (own) co_await own->close();
}

Task<void> QueueTender::leave() {
  reader_->stop();
  std::shared_ptr<ReadChannel> channel = reader_->channel();
  // What was under way to us has come by then, and has gone back.
  if (channel && channel->channel().is_open()) co_await channel->barrier();
  closing_ = true;
  means_.changed.notify();
  while (!has_ended_) co_await means_.changed.wait();
  const std::weak_ptr<ReadChannel> with_deliveries = channel;
  channel.reset();
  while (own_ && own_->is_open() && !with_deliveries.expired())
    co_await means_.changed.wait_for(answers_pause);
  co_await close();
}

/// Returns none if the broker does not give us one, which is noted.
Task<std::shared_ptr<Connection>> QueueTender::own_connection() {
  if (own_ && own_->is_open()) co_return own_;
  amqp::ConnectionSettings settings = means_.settings.connection;
  settings.only_reads = true;
  settings.least_channels = 1;
  settings.name += " (" + text::one_line(name(), 100) + ")";
  was_read_ = false;
  own_ = std::make_shared<Connection>(loop_, std::move(settings));
  const std::shared_ptr<Connection> made = own_;
  const Answer opened = co_await made->open();
  if (opened.ok()) co_return made;
  own_.reset();
  if (!closing_) note_trouble(*opened.refusal);
  co_return nullptr;
}

/// Reads until it cannot any more, and gives the reason.
Task<Refusal> QueueTender::read(std::shared_ptr<Connection> connection) {
  attached_.reset();
  WorkQueue queue = reader_->queue();
  const Answer there = co_await means_.topology.ensure(connection, std::move(queue));
  if (!there.ok()) co_return *there.refusal;
  if (closing_) co_return Refusal{};
  std::shared_ptr<ReadChannel> channel;
  if (connection == own_)
    channel = ReadChannel::on(connection->new_channel());
  else
    channel = co_await means_.channels.take(connection, !trouble_.empty());
  if (!channel || !channel->channel().is_open())
    co_return Refusal{amqp::lost, "no channel is free on the connection"};
  std::optional<Refusal> ended;
  reader_->attach(channel, [&](const Refusal& why) {
    ended = why;
    means_.changed.notify();
  });
  reads_ = true;
  means_.noted();
  const SteadyTime attached = SteadyClock::now();
  attached_ = attached;
  bool settled = false;
  while (!ended && !closing_) {
    if (settled) {
      co_await means_.changed.wait();
    } else if (SteadyClock::now() - attached < settled_after) {
      co_await means_.changed.wait_for(settled_after);
    } else {
      settled = true;
      note_health();
    }
  }
  reads_ = false;
  unread_since_ = SteadyClock::now();
  reader_->detach(channel);
  const Refusal why = ended.value_or(Refusal{});
  co_return why;
}

std::chrono::milliseconds QueueTender::pause_after(Refusal why) {
  if (why.code == bystander) return at_once;
  const bool worked = attached_ && SteadyClock::now() - *attached_ > steps_.step();  // for a while
  if (const auto limit = acknowledgement_timeout(why)) {  // a new channel, and it goes on
    means_.acknowledgement_timeout(*limit);
    return worked ? at_once : steps_.next_step();
  }
  if (const auto stream = stream_refusal(why)) why = *stream;
  const bool was_apart = apart_;
  if (why.deadly) {
    apart_ = true;
    was_read_ = false;
    if (own_ && !own_->is_open()) own_.reset();
  }
  if (another_way(why)) return at_once;
  if (why.code == amqp::access_refused && !is_taken(why) && why.cure.empty())
    why.cure = "give the user the permission to read it (rabbitmqctl set_permissions)";
  note_trouble(why);
  if (why.deadly && !was_apart) return at_once;  // alone, and then ever more seldom
  if (is_odd(why) && !apart_ && odd_closes_.note(SteadyClock::now())) {
    log::warning("queue " + name() +
                 " had its channel closed five times, it gets a connection of " +
                 "its own; the last reason: " + said(why));
    apart_ = true;
    was_read_ = false;
    return at_once;
  }
  if (is_taken(why)) return means_.settings.locked_retry;
  if (why.limit) return means_.settings.connection.limit_pause;
  if (!worked || why.deadly) return steps_.next_step();
  steps_.reset();
  const auto& connection = means_.settings.connection;
  return Backoff(connection.backoff_base, connection.backoff_cap).next();
}

/// Some queues allow no basic.get (quorum queues with a single active consumer), and are consumed.
/// Where that is refused as well it was not the way, and the next try begins anew.
bool QueueTender::another_way(const Refusal& why) {
  if (why.operation == "basic.consume" && reader_->gets_refused() && !gets_are_deadly_)
    reader_->refuse_gets(false);
  if (why.operation != "basic.get" || reader_->gets_refused()) return false;
  if (why.code == amqp::unreadable) return false;
  if (why.code == amqp::access_refused || why.code == amqp::not_found || stream_refusal(why))
    return false;
  gets_are_deadly_ = why.deadly;
  reader_->refuse_gets(true);
  log::debug("queue " + name() + " is consumed, for nothing can be got from it: " + said(why));
  return true;
}

/// A new common connection is tried at once.
Task<void> QueueTender::wait(std::chrono::milliseconds pause,
                             std::shared_ptr<Connection> connection) {
  const auto end = SteadyClock::now() + pause;
  while (!closing_ && (apart_ || (connection && connection->is_open()))) {
    const auto left = end - SteadyClock::now();
    if (left <= SteadyClock::duration::zero()) break;
    co_await means_.changed.wait_for(left);
  }
}

void QueueTender::note_trouble(const Refusal& why) {
  const std::string reason = said(why) + (why.cure.empty() ? "" : " (" + why.cure + ")");
  if (trouble_ == reason) return;
  trouble_ = reason;
  const bool taken = is_taken(why);
  const std::string line =
      "queue " + name() + " cannot be read, " +
      (taken ? "somebody else has it for himself; trying every few seconds: " : "trying again: ") +
      reason;
  why.code == amqp::access_refused && !taken ? log::error(line) : log::warning(line);
  means_.noted();
}

void QueueTender::note_health() {
  was_read_ = true;
  if (std::exchange(trouble_, "").empty()) return;
  log::info("queue " + name() + " is read again");
  means_.noted();
}

}  // namespace rbit
