#include "rbit/intake/amqp_reader.h"

#include <algorithm>
#include <utility>

#include "rbit/intake/amqp_message.h"
#include "rbit/intake/amqp_settler.h"

namespace rbit {

namespace {

// A slot is free a little before its message is acknowledged, and the acknowledgement makes the
// consumer's own credit whole again; only if it does not come is a larger consumer worth the
// trouble.
constexpr std::chrono::milliseconds acknowledgement_pause{5};
// A message that was given back comes again at once; its receiver needs a moment to have a slot.
constexpr std::chrono::milliseconds rest_pause{200};
// By then a consumer has got what its queue had.
constexpr std::chrono::milliseconds delivery_pause{50};
constexpr int most_prefetch = 65535;

}  // namespace

AmqpReader::AmqpReader(const asio::any_io_executor& loop, WorkQueue queue, Way way, AmqpCopy& copy,
                       AmqpCounters& counters, Links links)
    : queue_(std::move(queue)),
      way_(way),
      copy_(copy),
      counters_(counters),
      links_(std::move(links)),
      timer_(loop) {}

void AmqpReader::attach(std::shared_ptr<ReadChannel> channel,
                        std::function<void(const amqp::Refusal&)> trouble) {
  channel_ = std::move(channel);
  trouble_ = std::move(trouble);
  consumer_.reset();
  seems_empty_ = false;
  // The channel is held by us and by the deliveries, and holds none of us.
  tags_ = channel_->join(queue_.name, weak_from_this());
  apply();
}

void AmqpReader::consumer_cancelled(const std::shared_ptr<ReadChannel>& on,
                                    const std::string& tag) {
  if (!consumer_ || consumer_->tag != tag) return;
  withdraw();
  closed(on, {consumer_withdrawn,
              "the broker cancelled our consumer: the queue was deleted or has moved"});
}

void AmqpReader::closed(const std::shared_ptr<ReadChannel>& on, const amqp::Refusal& why) {
  if (channel_ == on && trouble_) std::exchange(trouble_, {})(why);
}

void AmqpReader::detach(const std::shared_ptr<ReadChannel>& channel) {
  if (channel_ != channel) return;
  // Not closed here: its deliveries may still be settled. It closes when the last one is gone.
  cancel();
  channel_->leave(tags_);
  channel_.reset();
  trouble_ = {};
}

bool AmqpReader::set_credit(Credit credit) {
  if (way() == Way::look_only && credit.all() > credit_.all()) seems_empty_ = false;
  credit_ = credit;
  const bool welcome = credit.all() > 0;
  if (!consumer_) return welcome;
  return welcome ? is_short() : consumer_->spare() > 0;
}

void AmqpReader::stop() {
  stopped_ = true;
  credit_ = Credit{};
  cancel();
}

bool AmqpReader::wants_a_look() const {
  return channel_ && channel_->channel().is_open() && credit_.all() > 0 && !stopped_ && !resting_ &&
         !consumer_;
}

/// The credit rule. A consumer that is exhausted may stay: it brings nothing until something is
/// settled, and `before_settlement` looks after that.
void AmqpReader::apply() {
  if (!channel_ || !channel_->channel().is_open() || stopped_ || resting_) return;
  if (credit_.all() == 0) {
    short_since_a_while_ = false;
    if (consumer_ && consumer_->spare() > 0) cancel();
    return;
  }
  if (!consumer_) {
    if (way() == Way::consume)
      consume(credit_.all());
    else if (links_.changed)
      links_.changed();
    return;
  }
  if (!is_short()) {
    short_since_a_while_ = false;
    return;
  }
  if (!std::exchange(short_since_a_while_, true)) return apply_later(acknowledgement_pause);
  if (timer_set_) return;
  short_since_a_while_ = false;
  if (way() == Way::consume) return consume(credit_.all());
  cancel();  // and look: others may have messages too
  if (links_.changed) links_.changed();
}

/// Whether the consumer brings nothing that could begin, or was made when much less was welcome.
bool AmqpReader::is_short() const {
  const int prefetch = consumer_->prefetch;
  const int wanted = way() == Way::consume ? credit_.free : credit_.all();
  if (consumer_->spare() <= 0 && wanted > 0) return true;
  const bool is_small = 4 * prefetch < 3 * std::min(credit_.window, most_prefetch);
  return way() == Way::consume && is_small && credit_.all() > prefetch;
}

void AmqpReader::apply_later(std::chrono::milliseconds pause) {
  timer_set_ = true;
  timer_.expires_after(pause);
  timer_.async_wait([weak = weak_from_this()](boost::system::error_code cancelled) {
    const auto self = weak.lock();
    if (cancelled || !self) return;
    self->timer_set_ = false;
    self->resting_ = false;
    self->apply();
  });
}

void AmqpReader::rest() {
  if (credit_.all() == 0 || stopped_) {  // nothing comes anyway
    seems_empty_ = false;
    return;
  }
  cancel();
  seems_empty_ = false;
  resting_ = true;
  apply_later(rest_pause);
}

void AmqpReader::subscribe() {
  seems_empty_ = false;
  // Others are consumed too, and all together must not bring many more than there is room for.
  if (way() != Way::look_only && wants_a_look()) consume(std::max(1, credit_.free));
}

void AmqpReader::consume(int prefetch) {
  cancel();
  consumer_ = std::make_shared<Consumer>();
  consumer_->tag = tags_ + std::to_string(++consumers_);
  consumer_->prefetch = std::min(prefetch, most_prefetch);
  consumer_->made = std::chrono::steady_clock::now();
  ++counters_.subscriptions;
  // Before each consume: it holds for consumers made afterwards, and 0 would mean no limit.
  channel_->channel().request(amqp::SetPrefetch{static_cast<std::uint16_t>(consumer_->prefetch)});
  channel_->channel().request(amqp::Consume{queue_.name, consumer_->tag});
}

/// The broker ended our consumer. Which of its messages it has taken back it does not say: 4.3
/// takes those that were out for too long, and leaves us the others. All are given back, for one
/// that is still ours and was acknowledged would be nobody's if we died now. Their deliveries are
/// void, the jobs go on, and what comes again joins them; a consumer anew has another tag, so it is
/// served whatever 4.3 holds against this one.
void AmqpReader::withdraw() {
  for (const std::uint64_t tag : consumer_->tags)
    channel_->channel().settle(amqp::Settle{tag, amqp::Settle::Kind::requeue});
  consumer_->tags.clear();
  consumer_->withdrawn = true;
  consumer_.reset();
}

void AmqpReader::cancel() {
  if (!consumer_) return;
  const SteadyTime now = std::chrono::steady_clock::now();
  if (consumer_->spare() > 0 && now - consumer_->made >= delivery_pause) {  // as a look would say
    seems_empty_ = true;
    looked_ = now;
  }
  if (channel_) channel_->channel().request(amqp::CancelConsumer{consumer_->tag});
  consumer_.reset();
}

Task<bool> AmqpReader::look() {
  const std::shared_ptr<AmqpReader> self = shared_from_this();
  const std::shared_ptr<ReadChannel> channel = channel_;
  const amqp::Answer answer = co_await channel->get(tags_);
  const bool found = answer.ok() && !answer.reply.empty;
  seems_empty_ = !found;
  looked_ = std::chrono::steady_clock::now();
  co_return found;
}

void AmqpReader::delivered(const std::shared_ptr<ReadChannel>& on, amqp::Incoming incoming) {
  ++counters_.received;
  std::shared_ptr<Consumer> consumer;
  if (consumer_ && consumer_->tag == incoming.consumer_tag) consumer = consumer_;
  const std::uint64_t tag = incoming.delivery_tag;
  if (consumer) consumer->tags.insert(tag);
  auto settler = std::make_unique<AmqpSettler>(shared_from_this(), on, consumer, tag);
  Delivery delivery(message_from(std::move(incoming), queue_.name), std::move(settler));
  if (links_.deliver && !stopped_) links_.deliver(std::move(delivery));
  // Else it is dropped here and goes back.
}

void AmqpReader::before_settlement(const std::shared_ptr<Consumer>& consumer, std::uint64_t tag) {
  if (!consumer) return;
  consumer->tags.erase(tag);
  if (consumer == consumer_ && (stopped_ || consumer->spare() > credit_.all())) cancel();
}

}  // namespace rbit
