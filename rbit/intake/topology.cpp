#include "rbit/intake/topology.h"

#include <algorithm>
#include <utility>

#include "rbit/base/text.h"
#include "rbit/intake/stream_queue.h"
#include "rbit/log/log.h"

namespace rbit {

using amqp::Answer;

namespace {
constexpr int most_at_once = 3;  // channels, of the few beside the queues' own
}  // namespace

Topology::Topology(const asio::any_io_executor& loop, Declare declare, std::string exchange)
    : loop_(loop), declare_(declare), exchange_(std::move(exchange)), changed_(loop) {}

void Topology::connected(const std::shared_ptr<amqp::Connection>& connection) {
  exchange_channel_.reset();
  spare_.clear();
  if (declare_ != Declare::yes || exchange_.empty()) return;
  exchange_channel_ = connection->new_channel();
  exchange_channel_->request(amqp::DeclareExchange{exchange_},
                             [this, weak = std::weak_ptr(exchange_channel_)](const Answer& answer) {
                               if (!answer.ok() && answer.refusal->code != amqp::lost &&
                                   say_once("exchange " + answer.refusal->text))
                                 log::warning("exchange " + exchange_ + " could not be declared: " +
                                              text::one_line(answer.refusal->text, 300));
                               const auto mine = weak.lock();
                               if (mine && mine == exchange_channel_) exchange_channel_.reset();
                               changed_.notify();
                             });
}

Task<Answer> Topology::ensure(std::shared_ptr<amqp::Connection> connection, WorkQueue queue) {
  if (declare_ == Declare::no) co_return Answer{};
  if (busy_ >= most_at_once) {
    Notice turn(loop_);
    waiting_.push_back(&turn);
    while (std::find(waiting_.begin(), waiting_.end(), &turn) != waiting_.end())
      co_await turn.wait();
  } else {
    ++busy_;
  }
  Answer answer = co_await ensure_in_turn(std::move(connection), std::move(queue));
  pass_turn();
  co_return answer;
}

/// To one alone: there may be a thousand.
void Topology::pass_turn() {
  if (waiting_.empty()) {
    --busy_;
    for (const auto& [connection, channel] : std::exchange(spare_, {})) channel->close();
    return;
  }
  Notice* const next = waiting_.front();
  waiting_.pop_front();
  next->notify();
}

/// One that is left from another queue, or a new one.
Task<std::shared_ptr<amqp::Channel>> Topology::channel_on(
    std::shared_ptr<amqp::Connection> connection) {
  const auto left = std::find_if(spare_.begin(), spare_.end(), [&](const auto& one) {
    return one.first == connection && one.second->is_open();
  });
  if (left == spare_.end()) co_return co_await connection->channel_when_free();
  const std::shared_ptr<amqp::Channel> channel = left->second;
  spare_.erase(left);
  co_return channel;
}

Task<Answer> Topology::ensure_in_turn(std::shared_ptr<amqp::Connection> connection,
                                      WorkQueue queue) {
  amqp::DeclareQueue declare;
  declare.name = queue.name;
  declare.passive = declare_ == Declare::passive;
  std::shared_ptr<amqp::Channel> channel = co_await channel_on(connection);
  Answer answer = co_await channel->call(declare);
  if (!answer.ok() && stream_refusal(*answer.refusal)) co_return answer;
  if (!answer.ok() && answer.refusal->has_other_arguments() && !declare.passive) {
    // Somebody declared it otherwise. It is used as it is, and never deleted.
    if (say_once(queue.name + " " + answer.refusal->text))
      log::warning("queue " + queue.name +
                   " exists with other arguments than PyBit's (durable, none): " +
                   text::one_line(answer.refusal->text, 300) + "; it is used as it is");
    declare.passive = true;
    channel = co_await connection->channel_when_free();
    answer = co_await channel->call(declare);
  }
  if (!answer.ok() && answer.refusal->code == amqp::access_refused && !declare.passive) {
    // Without the right to declare it, it may be there and readable all the same.
    const amqp::Refusal denied = *answer.refusal;
    declare.passive = true;
    channel = co_await connection->channel_when_free();
    answer = co_await channel->call(declare);
    if (answer.ok()) {
      if (say_once(queue.name + " " + denied.text))
        log::info("queue " + queue.name + " may not be declared by us: " +
                  text::one_line(denied.text, 300) + "; it is there and used as it is");
    } else if (answer.refusal->code != amqp::lost) {
      answer.refusal->code = amqp::access_refused;
      answer.refusal->operation.clear();
      answer.refusal->text = "declaring: " + denied.text;
      answer.refusal->cure = "give the user the right, or set [rbit] declare = passive or no";
    }
  }
  if (answer.ok() && declare_ == Declare::yes && !queue.dotted_route.empty() && !exchange_.empty())
    co_await bind(connection, channel, std::move(queue));
  if (channel->is_open()) spare_.emplace_back(connection, channel);
  co_return answer;
}

Task<void> Topology::bind(std::shared_ptr<amqp::Connection> connection,
                          std::shared_ptr<amqp::Channel> channel, WorkQueue queue) {
  while (exchange_channel_ && connection->is_open()) co_await changed_.wait();
  channel->request(amqp::BindQueue{queue.name, exchange_, queue.dotted_route});
  amqp::BindQueue own_name{queue.name, exchange_, queue.name};
  const Answer bound = co_await channel->call(std::move(own_name));
  if (!bound.ok() && bound.refusal->code != amqp::lost &&
      say_once(queue.name + " binding " + bound.refusal->text))
    log::warning("queue " + queue.name + " could not be bound to exchange " + exchange_ + ": " +
                 text::one_line(bound.refusal->text, 300));
}

bool Topology::say_once(const std::string& text) {
  return said_.insert(text).second;
}

}  // namespace rbit
