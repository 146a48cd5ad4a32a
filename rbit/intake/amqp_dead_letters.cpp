#include "rbit/intake/amqp_dead_letters.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "rbit/core/returns.h"
#include "rbit/intake/amqp_message.h"
#include "rbit/intake/copy.h"
#include "rbit/intake/queue_names.h"

namespace rbit {

namespace {

constexpr int most_waits = 40;
constexpr std::chrono::milliseconds wait_pause(50);

/// The same letter as a new message, rbit's headers included.
amqp::Outgoing renewed(Message letter, const std::string& dead_queue) {
  letter.message_id = key_of(letter);
  std::erase_if(letter.headers, [](const auto& one) {
    return !is_copied_header(one.first) && !one.first.starts_with(own_header_prefix);
  });
  amqp::Outgoing again = outgoing_of(letter);
  again.routing_key = dead_queue;
  return again;
}

/// Whoever can make room must hear of it before the broker's own limit is reached.
Error still_tired(const Error& why) {
  return Error{why.thing,
               "letters that were looked at " + std::to_string(most_returns) +
                   " times cannot be put back as new ones (" + why.reason +
                   "), and the broker may drop them when they are looked at more often",
               "replay some, or delete some with `rbit dead drop`, before the next look"};
}

}  // namespace

/// One look through one queue: its channel, and what must go back.
class AmqpDeadLetters::Look {
 public:
  Look(const asio::any_io_executor& loop, std::shared_ptr<amqp::Channel> channel,
       std::string dead_queue)
      : loop_(loop), channel_(std::move(channel)), dead_queue_(std::move(dead_queue)) {
    amqp::Channel::Events events;
    events.delivered = [this](amqp::Incoming incoming) { got_.push_back(std::move(incoming)); };
    channel_->listen(std::move(events));
  }
  ~Look() {
    channel_->listen({});
    channel_->close();
  }

  /// How many are there; of a queue that is not, none.
  Task<Result<std::uint32_t>> count() {
    amqp::DeclareQueue look;
    look.name = dead_queue_;
    look.passive = true;
    const amqp::Answer answer = co_await channel_->call(std::move(look));
    if (answer.ok()) co_return answer.reply.messages;
    if (answer.refusal->code == amqp::not_found) co_return 0u;
    co_return failure(answer);
  }

  Task<Result<std::optional<amqp::Incoming>>> next() {
    using Next = Result<std::optional<amqp::Incoming>>;
    amqp::Get get{dead_queue_};
    const amqp::Answer answer = co_await channel_->call(std::move(get));
    if (!answer.ok()) co_return failure(answer);
    if (answer.reply.empty || got_.empty())
      co_return Next(boost::system::in_place_value, std::nullopt);
    Next one(boost::system::in_place_value, std::move(got_.front()));
    got_.pop_front();
    co_return one;
  }

  void keep(std::uint64_t tag) { kept_.push_back(tag); }

  /// Ends when the broker has processed it, which it says only to somebody who asks.
  Task<Result<void>> acknowledge(std::uint64_t tag) {
    channel_->settle({tag, amqp::Settle::Kind::ack});
    co_return co_await barrier();
  }

  /// Returns them one by one, the oldest first: they stand in their places again. A quorum queue
  /// answers before it has them all; whoever looks next shall find them.
  Task<Result<void>> requeue(std::uint32_t renewed) {
    const auto expected = static_cast<std::uint32_t>(kept_.size()) + renewed;
    for (const std::uint64_t tag : kept_) channel_->settle({tag, amqp::Settle::Kind::requeue});
    kept_.clear();
    for (int tries = 0; tries < most_waits; ++tries) {
      const auto there = co_await count();
      if (!there) co_return there.error();
      if (*there >= expected) break;
      boost::asio::steady_timer pause(loop_, wait_pause);
      boost::system::error_code ignored;
      co_await pause.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    }
    co_return Result<void>();
  }

  const std::string& queue() const { return dead_queue_; }

 private:
  Error failure(const amqp::Answer& answer) const {
    return answer.refusal->error("queue " + dead_queue_);
  }

  Task<Result<void>> barrier() {
    amqp::DeclareQueue ask;
    ask.name = dead_queue_;
    ask.passive = true;
    const amqp::Answer answer = co_await channel_->call(std::move(ask));
    if (!answer.ok()) co_return failure(answer);
    co_return Result<void>();
  }

  asio::any_io_executor loop_;
  std::shared_ptr<amqp::Channel> channel_;
  std::string dead_queue_;
  std::deque<amqp::Incoming> got_;
  std::vector<std::uint64_t> kept_;  // delivery tags
};

class AmqpDeadLetters::Got : public Letter {
 public:
  Got(AmqpDeadLetters& all, Look& look, std::uint64_t tag, Message message)
      : all_(all), look_(look), tag_(tag), message_(std::move(message)) {}

  const Message& message() const override { return message_; }
  bool is_gone() const { return gone_; }
  std::uint64_t tag() const { return tag_; }

  Task<Result<void>> replay(Message fresh) override {
    amqp::Outgoing again = outgoing_of(fresh);
    again.routing_key = fresh.queue;
    co_return co_await publish_then_leave(std::move(again));
  }

  Task<Result<void>> drop() override {
    gone_ = true;
    co_return co_await look_.acknowledge(tag_);
  }

  Task<Result<void>> renew() {
    amqp::Outgoing again = renewed(message_, look_.queue());
    co_return co_await publish_then_leave(std::move(again));
  }

 private:
  Task<Result<void>> publish_then_leave(amqp::Outgoing again) {
    Result<void> published = co_await all_.publisher_().publish(std::move(again));
    if (!published) co_return published;
    co_return co_await drop();
  }

  AmqpDeadLetters& all_;
  Look& look_;
  std::uint64_t tag_;
  Message message_;
  bool gone_ = false;
};

AmqpDeadLetters::AmqpDeadLetters(const asio::any_io_executor& loop,
                                 std::shared_ptr<amqp::Connection> connection,
                                 std::vector<std::string> queues,
                                 std::function<amqp::PublishConnection&()> publisher)
    : loop_(loop),
      connection_(std::move(connection)),
      queues_(std::move(queues)),
      publisher_(std::move(publisher)) {}

Task<Result<void>> AmqpDeadLetters::walk(const std::string& queue, const Visit& visit) {
  Look look(loop_, connection_->new_channel(), dead_queue(queue));
  const auto count = co_await look.count();
  if (!count) co_return count.error();
  if (*count == 0) co_return Result<void>();
  std::uint32_t renewed = 0;
  std::optional<Error> tired;
  for (std::uint32_t seen = 0; seen < *count; ++seen) {  // what dies meanwhile is not looked at
    auto got = co_await look.next();
    if (!got) co_return got.error();
    if (!*got) break;  // somebody else looks, too
    const std::uint64_t tag = (*got)->delivery_tag;
    Got letter(*this, look, tag, message_from(std::move(**got), queue));
    const bool more = co_await visit(letter);
    if (!letter.is_gone() && returns_of(letter.message()) >= most_returns) {
      const Result<void> fresh = co_await letter.renew();
      if (fresh)
        ++renewed;
      else
        tired = fresh.error();
    }
    if (!letter.is_gone()) look.keep(tag);
    if (!more) break;
  }
  Result<void> back = co_await look.requeue(renewed);
  if (back && tired) back = still_tired(*tired);
  co_return back;
}

}  // namespace rbit
