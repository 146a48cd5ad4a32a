#include "rbit/amqp/publish_connection.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "rbit/log/log.h"

namespace rbit::amqp {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t most_in_flight = 100;
constexpr std::chrono::milliseconds sweep_pause{500};
constexpr std::size_t most_odd_closes = 5;  // within:
constexpr std::chrono::minutes odd_closes_span{10};

ConnectionSettings for_publishing(ConnectionSettings settings) {
  settings.least_channels = 2;  // its own, and one to declare queues on
  return settings;
}

bool closed_the_channel(const Refusal& refusal) {
  return refusal.code > 0 && refusal.code != no_route && refusal.code != no_consumers;
}

}  // namespace

PublishConnection::PublishConnection(const asio::any_io_executor& loop, ConnectionSettings settings,
                                     std::chrono::milliseconds patience, Voice voice)
    : loop_(loop),
      patience_(patience),
      confirm_limit_(settings.confirm_limit),
      keeper_(loop, for_publishing(std::move(settings)), voice),
      up_(loop),
      odd_closes_(most_odd_closes, odd_closes_span),
      sweeper_(loop) {}

void PublishConnection::start() {
  Keeper::Events events;
  events.up = [this](std::shared_ptr<Connection> connection) {
    connection_ = std::move(connection);
    was_up_ = true;
    declared_.clear();
    proven_.clear();
    open_channel();
    up_.notify();
  };
  events.down = [this](const Refusal&) {
    connection_.reset();
    channel_.reset();
  };
  events.connect_failed = [this](const Refusal& why) {
    if (why.login && !was_up_) give_up();
  };
  events.blocked = [this](bool) { kick(); };
  events.hopeless = [this](const Refusal& why) {
    if (hopeless_) hopeless_(why);
  };
  keeper_.start(std::move(events));
}

Task<void> PublishConnection::close() {
  closing_ = true;
  up_.notify();
  co_await keeper_.close();
  connection_.reset();
  channel_.reset();
  while (!items_.empty())
    finish(items_.begin()->first, Answer{{}, Refusal{lost, "rbit is closing"}});
  sweeper_.cancel();
  lifetime_.end();
}

Task<Result<void>> PublishConnection::publish(Outgoing message) {
  const std::string to =
      message.exchange.empty() ? "queue " + message.routing_key : "exchange " + message.exchange;
  Answer answer = co_await send(std::move(message), holds_);
  if (!answer.ok()) co_return answer.refusal->error(to);
  co_return Result<void>();
}

Task<Result<void>> PublishConnection::declare_queue(const std::string& name) {
  DeclareQueue queue;
  queue.name = name;
  Answer answer = co_await declare(std::move(queue));
  // 406: it is there with other arguments than ours, which is the operator's business.
  if (!answer.ok() && !answer.refusal->has_other_arguments())
    co_return answer.refusal->error("queue " + name);
  co_return Result<void>();
}

Task<Answer> PublishConnection::send(Outgoing message, bool holds) {
  return answer_of(
      [this, holds, message = std::move(message)](std::function<void(Answer)> done) mutable {
        Item item;
        item.message = std::move(message);
        item.done = std::move(done);
        item.deadline = SteadyClock::now() + patience_;
        item.holds = holds;
        items_.emplace(++last_number_, std::move(item));
        kick();
        sweep();
      });
}

Task<Answer> PublishConnection::declare(DeclareQueue queue) {
  const Time deadline = SteadyClock::now() + patience_;
  const std::uint64_t login_refusals = login_refusals_;
  while (!closing_ && login_refusals_ == login_refusals) {
    if (declared_.contains(queue.name)) co_return Answer{};
    const std::shared_ptr<Connection> connection = connection_;
    if (connection && connection->is_open()) {
      Answer answer = co_await declare_on(connection, queue, deadline);
      if (answer.ok() && connection == connection_) declared_.insert(queue.name);
      if (answer.ok() || answer.refusal->code != lost) co_return answer;
    }
    const Time now = SteadyClock::now();
    if (now >= deadline) break;
    const std::chrono::seconds most(1);  // all channels may be taken, too
    co_await up_.wait_for(std::min<SteadyClock::duration>(deadline - now, most));
  }
  Answer in_vain{{}, away()};
  co_return in_vain;
}

Task<Answer> PublishConnection::count(const std::string& queue) {
  Answer answer{{}, away()};
  const std::shared_ptr<Connection> connection = connection_;
  if (closing_ || !connection || !connection->is_open()) co_return answer;
  DeclareQueue question;
  question.name = queue;
  question.passive = true;
  answer = co_await declare_on(connection, std::move(question), SteadyClock::now() + patience_);
  co_return answer;
}

/// On a throw-away channel, for a refusal closes it. A broker that is blocked reads nothing,
/// perhaps for hours, and the connection asks nothing of it then: `deadline` ends that wait.
Task<Answer> PublishConnection::declare_on(std::shared_ptr<Connection> connection,
                                           DeclareQueue queue, Time deadline) {
  const std::shared_ptr<Channel> throw_away = connection->new_channel();
  const auto heard = std::make_shared<std::optional<Answer>>();  // may outlive this
  throw_away->request(std::move(queue),
                      [this, alive = lifetime_.watch(), heard](const Answer& answer) {
                        *heard = answer;
                        if (!alive.is_over()) up_.notify();
                      });
  while (!*heard && (!connection->is_blocked() || SteadyClock::now() < deadline))
    co_await up_.wait_for(sweep_pause);
  throw_away->close();
  Answer answer{{}, away()};
  if (*heard) answer = **heard;
  co_return answer;
}

/// Why there is no connection, as far as we know.
Refusal PublishConnection::away() const {
  Refusal why{lost, is_up() ? "it did not answer in time" : "no connection so far"};
  why.endpoint = keeper_.endpoints();
  if (keeper_.refusal()) {
    why = *keeper_.refusal();
    why.code = lost;
  }
  if (why.endpoint.empty()) why.endpoint = keeper_.endpoints();
  return why;
}

/// Later in this turn at the earliest: whoever waits may want to do more than hear of it.
void PublishConnection::give_up() {
  ++login_refusals_;
  asio::post(loop_, [this, alive = lifetime_.watch()] {
    if (alive.is_over() || was_up_) return;
    up_.notify();
    std::vector<std::uint64_t> waiting;
    for (const auto& [number, item] : items_) waiting.push_back(number);
    const Refusal why = away();
    for (const std::uint64_t number : waiting) finish(number, Answer{{}, why});
  });
}

void PublishConnection::open_channel() {
  channel_ = connection_->new_channel();
  Channel::Events events;
  events.closed = [this](const Refusal& why) {
    channel_.reset();
    if (!connection_ || !connection_->is_open() || closing_) return;
    log::debug("a publish closed its channel: " + why.text);
    // 403, 404, 406 are a message's fault; what else closes channels may do so for ever.
    const bool odd =
        why.code != access_refused && why.code != not_found && why.code != precondition_failed;
    if (odd && odd_closes_.note(SteadyClock::now()))
      return keeper_.reconnect("five channels closed by the broker, the last one: " + why.text);
    open_channel();
  };
  channel_->listen(std::move(events));
  channel_->request(SelectConfirms{});
  kick();
}

/// Later in this turn at the earliest: answers come before the news that their channel is closed.
void PublishConnection::kick() {
  if (kicked_) return;
  kicked_ = true;
  asio::post(loop_, [this, alive = lifetime_.watch()] {
    if (alive.is_over()) return;
    kicked_ = false;
    pump();
  });
}

/// One to an exchange that may not be there, or not for us, would take its neighbours' channel
/// along and make them go twice.
bool PublishConnection::goes_alone(const Item& item) const {
  const std::string& exchange = item.message.exchange;
  return item.suspect || (!exchange.empty() && !proven_.contains(exchange));
}

void PublishConnection::pump() {
  if (!channel_ || !channel_->is_open() || connection_->is_blocked()) return;
  const bool alone = std::any_of(items_.begin(), items_.end(),
                                 [this](const auto& one) { return goes_alone(one.second); });
  const std::size_t limit = alone ? 1 : most_in_flight;
  for (auto& [number, item] : items_) {
    if (in_flight_.size() >= limit) return;
    if (item.in_flight) continue;
    item.in_flight = true;
    item.alone = alone;
    in_flight_[number] = SteadyClock::now();
    channel_->publish(item.message,
                      [this, alive = lifetime_.watch(), number = number](Answer answer) {
                        if (!alive.is_over()) answered(number, answer);
                      });
  }
}

void PublishConnection::answered(std::uint64_t number, const Answer& answer) {
  in_flight_.erase(number);
  kick();
  const auto found = items_.find(number);
  if (found == items_.end()) return;  // it lost its patience
  Item& item = found->second;
  item.in_flight = false;
  if (answer.ok()) {
    proven_.insert(item.message.exchange);
    return finish(number, answer);
  }
  const Refusal& why = *answer.refusal;
  if (closed_the_channel(why)) proven_.erase(item.message.exchange);
  if (why.code == no_route) declared_.erase(item.message.routing_key);
  if (why.code == lost) {
    item.unsure = item.unsure || !why.unsent;
    return;  // again, when we are back
  }
  if (!closed_the_channel(why) || item.suspect || item.alone) return finish(number, answer);
  item.suspect = true;  // whose fault it was shows when each goes alone
}

void PublishConnection::finish(std::uint64_t number, Answer answer) {
  const auto found = items_.find(number);
  if (found == items_.end()) return;
  const Item& item = found->second;
  if (answer.refusal && answer.refusal->code != unsendable)
    answer.refusal->unsure = item.unsure || (item.in_flight && answer.refusal->code == lost);
  const std::function<void(Answer)> done = std::move(found->second.done);
  items_.erase(found);
  done(std::move(answer));
}

/// Looks twice a second, while there is something, for what has waited too long.
void PublishConnection::sweep() {
  if (sweeping_ || (items_.empty() && in_flight_.empty())) return;
  sweeping_ = true;
  sweeper_.expires_after(sweep_pause);
  sweeper_.async_wait([this, alive = lifetime_.watch()](boost::system::error_code cancelled) {
    if (cancelled || alive.is_over()) return;
    sweeping_ = false;
    look_after_all();
    kick();
    sweep();
  });
}

/// What is under way has until the broker's time to confirm it is over, whatever its patience: it
/// may have arrived. Then the connection is given up, and it is published again on the next one.
void PublishConnection::look_after_all() {
  const Time now = SteadyClock::now();
  const bool is_blocked = connection_ && connection_->is_blocked();
  std::vector<std::uint64_t> late;
  if (is_blocked)  // a broker that does not read cannot confirm
    for (auto& [number, since] : in_flight_) since = now;
  for (auto& [number, item] : items_) {
    if (is_blocked && item.holds)
      item.deadline = std::max(item.deadline, now + patience_ + sweep_pause);
    if (item.in_flight && !is_blocked && !item.again && now < in_flight_[number] + confirm_limit_)
      continue;
    if (now >= item.deadline) late.push_back(number);
  }
  const bool unconfirmed =
      !is_blocked && std::any_of(in_flight_.begin(), in_flight_.end(), [&](const auto& one) {
        return now >= one.second + confirm_limit_;
      });
  if (unconfirmed && connection_ && connection_->is_open()) {
    log::warning("broker " + connection_->peer() + ": no confirm for " +
                 std::to_string(confirm_limit_.count() / 1000) +
                 " s, connecting again; what was not confirmed is published once more");
    for (auto& [number, item] : items_) {
      if (!item.in_flight || item.again) continue;
      item.again = true;
      item.deadline = now + patience_;
      std::erase(late, number);
    }
    for (auto& [number, since] : in_flight_) since = now;  // said once
    connection_->abort("no confirm in time");
  }
  for (const std::uint64_t number : late)
    finish(number,
           Answer{{}, is_up() ? Refusal{lost, "the broker did not confirm it in time"} : away()});
}

}  // namespace rbit::amqp
