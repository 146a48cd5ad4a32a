#include "rbit/amqp/connection.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <utility>

#include "rbit/amqp/session.h"
#include "rbit/base/blocked_signals.h"
#include "rbit/base/shortage.h"

namespace rbit::amqp {

namespace {

// Header tables are decoded by recursion. One frame of 1 MiB nests 175,000 of them, or 210,000
// arrays, which is more than 16 MiB of stack and less than 32 (measured). Unused, it costs nothing.
constexpr std::size_t stack_size = 64u << 20;
// The watchdog looks three times a heartbeat and cuts a thread off that has done nothing for two:
// found out after 7 s at a heartbeat of 3 s, after 70 s at 30. A healthy thread does something
// twice a heartbeat.
constexpr int looks_a_heartbeat = 3, most_strikes = 6;

/// What the I/O thread starts with; it shares nothing else with us.
struct Luggage {
  std::shared_ptr<Mailbox> mailbox;
  ConnectionSettings settings;
};

}  // namespace

Task<Answer> answer_of(std::function<void(std::function<void(Answer)>)> start) {
  auto initiate = [start = std::move(start)](auto handler) {
    // std::function wants to copy what it holds, and a coroutine's handler cannot be copied.
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    start([shared](Answer answer) { std::move (*shared)(std::move(answer)); });
  };
  Answer answer = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Answer)>(
      std::move(initiate), asio::use_awaitable);
  co_return answer;
}

Channel::~Channel() {
  close();
}

void Channel::request(Request request, Done done) {
  const auto connection = connection_.lock();
  if (open_ && connection) {
    connection->send(number_, std::move(request), std::move(done));
  } else if (done) {
    // Never inside this call: whoever waits is not yet suspended.
    asio::post(loop_, [done = std::move(done)] {
      done(Answer{{}, Refusal{lost, "the channel is closed"}});
    });
  }
}

Task<Answer> Channel::call(Request request) {
  return answer_of([this, request = std::move(request)](Done done) mutable {
    this->request(std::move(request), std::move(done));
  });
}

void Channel::close() {
  if (!std::exchange(open_, false)) return;
  events_ = {};
  if (const auto connection = connection_.lock()) connection->close_channel(number_);
}

void Channel::ended(const Refusal& why) {
  if (!std::exchange(open_, false)) return;
  const Events events = std::exchange(events_, {});
  if (events.closed) events.closed(why);
}

Connection::Connection(const asio::any_io_executor& loop, ConnectionSettings settings)
    : loop_(loop), settings_(std::move(settings)), ended_(loop), freed_(loop), watchdog_(loop) {}

Connection::~Connection() {
  if (!has_thread_) return;
  mailbox_->stop();
  mailbox_->shut();  // or a send that hangs would hold us
  ::pthread_join(thread_, nullptr);
}

Task<Answer> Connection::open() {
  return answer_of([this](Done done) {
    opened_ = std::move(done);
    state_ = State::opening;
    // The thread must not keep us alive, and may outlive our wish to hear of it.
    mailbox_ = std::make_shared<Mailbox>([loop = loop_, weak = weak_from_this()] {
      asio::post(loop, [weak] {
        if (const auto self = weak.lock()) self->take_events();
      });
    });
    const int number = start_thread();
    if (number == 0) return;
    std::vector<Event> events;
    Refusal why{lost, std::string("no thread for a connection: ") + std::strerror(number),
                cure_of_shortage(number)};
    events.emplace_back(Closed{std::move(why)});
    mailbox_->deliver(events);
  });
}

/// 0, or what is wrong, as errno has it.
int Connection::start_thread() {
  auto luggage = std::make_unique<Luggage>(Luggage{mailbox_, settings_});
  pthread_attr_t attributes;
  if (const int failed = ::pthread_attr_init(&attributes); failed != 0) return failed;
  ::pthread_attr_setstacksize(&attributes, stack_size);
  const BlockedSignals blocked;
  const int failed = ::pthread_create(&thread_, &attributes, thread_main, luggage.get());
  has_thread_ = failed == 0;
  ::pthread_attr_destroy(&attributes);
  if (has_thread_) static_cast<void>(luggage.release());  // the thread's now
  return failed;
}

void* Connection::thread_main(void* argument) {
  const std::unique_ptr<Luggage> luggage(static_cast<Luggage*>(argument));
  Session session(*luggage->mailbox);
  std::vector<Event> last;
  const Refusal why = session.run(luggage->settings);
  last.emplace_back(Closed{why, session.channels()});
  luggage->mailbox->deliver(last);
  return nullptr;
}

/// A send can hang for ever (rbit/doc/traps.rst, amqp-publish-hangs); a socket that is shut down
/// makes it fail. Ticks of ours are counted, not time, so that our own standing still (SIGSTOP)
/// accuses nobody.
void Connection::watch() {
  watchdog_.expires_after(look_);
  watchdog_.async_wait([weak = weak_from_this()](boost::system::error_code cancelled) {
    const auto self = weak.lock();
    if (cancelled || !self || self->state_ == State::closed) return;
    const std::uint64_t progress = self->mailbox_->progress();
    self->strikes_ = progress == self->seen_progress_ ? self->strikes_ + 1 : 0;
    self->seen_progress_ = progress;
    if (self->strikes_ >= most_strikes && !std::exchange(self->hung_, true)) self->mailbox_->shut();
    self->watch();
  });
}

std::shared_ptr<Channel> Connection::new_channel() {
  // Numbers go round, so that what still comes for a closed channel does not meet a young one.
  std::uint16_t number = 0;
  for (int i = 0; i < terms_.channel_max && number == 0; ++i) {
    last_channel_ = static_cast<std::uint16_t>(last_channel_ % terms_.channel_max + 1);
    if (!channels_.contains(last_channel_)) number = last_channel_;
  }
  std::shared_ptr<Channel> made(new Channel(loop_, weak_from_this(), number));
  made->open_ = number != 0 && state_ == State::open;  // else it refuses everything
  if (!made->open_) return made;
  channels_[number] = made;
  made->request(OpenChannel{});
  return made;
}

void Connection::send(std::uint16_t channel, Request what, Done done) {
  Command command;
  command.channel = channel;
  command.what = std::move(what);
  if (done) {
    command.id = ++last_id_;
    waiting_[command.id] = std::move(done);
  }
  mailbox_->send(std::move(command));
}

void Connection::close_channel(std::uint16_t number) {
  if (state_ != State::open) return;
  send(number, CloseChannel{}, [weak = weak_from_this(), number](Answer) {
    const auto self = weak.lock();
    if (!self) return;
    self->channels_.erase(number);
    self->freed_.notify();
  });
}

Task<std::shared_ptr<Channel>> Connection::channel_when_free() {
  const auto self = shared_from_this();
  while (state_ == State::open && static_cast<int>(channels_.size()) >= terms_.channel_max)
    co_await freed_.wait();
  co_return new_channel();
}

Task<void> Connection::close() {
  const auto self = shared_from_this();
  if (state_ == State::open)
    send(0, CloseConnection{}, {});
  else if (state_ == State::opening)
    mailbox_->stop();
  while (state_ == State::open || state_ == State::opening) co_await ended_.wait();
}

void Connection::abort(std::string why) {
  if (!mailbox_ || state_ == State::closed) return;
  if (aborted_because_.empty()) aborted_because_ = std::move(why);
  mailbox_->stop();
}

void Connection::take_events() {
  const auto self = shared_from_this();  // a handler may let go of us
  for (Event& event : mailbox_->take_events())
    std::visit([this](auto& one) { handle(one); }, event);
}

void Connection::handle(Opened& event) {
  terms_ = std::move(event);
  state_ = State::open;
  look_ = std::chrono::milliseconds(terms_.heartbeat) / looks_a_heartbeat;
  watch();
  if (opened_) std::exchange(opened_, {})(Answer{});
}

void Connection::handle(Answered& event) {
  const auto found = waiting_.find(event.id);
  if (found == waiting_.end()) return;
  const Done done = std::move(found->second);
  waiting_.erase(found);
  done(std::move(event.answer));
}

std::shared_ptr<Channel> Connection::channel(std::uint16_t number) const {
  const auto found = channels_.find(number);
  return found == channels_.end() ? nullptr : found->second.lock();
}

void Connection::handle(Delivered& event) {
  const auto to = channel(event.channel);
  if (!to || !to->events_.delivered) return;   // nobody's; it goes back when the channel closes
  const auto deliver = to->events_.delivered;  // the receiver may listen anew
  deliver(std::move(event.message));
}

void Connection::handle(ConsumerCancelled& event) {
  const auto to = channel(event.channel);
  if (!to || !to->events_.consumer_cancelled) return;
  const auto tell = to->events_.consumer_cancelled;
  tell(event.tag);
}

void Connection::handle(ChannelClosed& event) {
  const auto to = channel(event.channel);
  channels_.erase(event.channel);
  freed_.notify();
  if (to) to->ended(event.why);
}

void Connection::handle(Blocked& event) {
  blocked_ = event.blocked;
  if (events_.blocked) events_.blocked(event.blocked, event.reason);
}

void Connection::handle(Closed& event) {
  const bool was_open = state_ == State::open;
  state_ = State::closed;
  watchdog_.cancel();
  if (!aborted_because_.empty()) event.why.text = aborted_because_;
  if (hung_) event.why.text = "a send hung for two heartbeats and was cut off";
  channels_at_end_ = event.channels;
  const auto channels = std::exchange(channels_, {});
  for (const auto& [number, weak] : channels)
    if (const auto one = weak.lock()) one->ended(event.why);
  const auto waiting = std::exchange(waiting_, {});  // all were answered by the thread; in doubt
  Refusal lost_it{lost, event.why.text, event.why.cure};
  lost_it.limit = event.why.limit;  // the code is the connection's, not that of what was asked
  lost_it.unsent = event.why.limit && event.channels == 0;
  for (const auto& [id, done] : waiting) done(Answer{{}, lost_it});
  if (opened_) std::exchange(opened_, {})(Answer{{}, event.why});
  const Events events = std::exchange(events_, {});
  if (was_open && events.closed) events.closed(event.why);
  ended_.notify();
  freed_.notify();
}

}  // namespace rbit::amqp
