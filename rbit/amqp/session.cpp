#include "rbit/amqp/session.h"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "rbit/amqp/login.h"
#include "rbit/amqp/sendable.h"

namespace rbit::amqp {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds resolve_limit{5};
constexpr std::chrono::seconds answer_limit{20};          // of a request
constexpr std::chrono::seconds goodbye_limit{2};          // the broker's answer to our close
constexpr std::chrono::milliseconds longest_sleep{5000};  // heartbeats are pumped
constexpr int frames_a_turn = 1000;

const Refusal gone{lost, "the channel is closed"};

/// The broker says what the protocol does not allow here.
Refusal nonsense(const char* what) {
  Refusal refusal{lost, what};
  refusal.protocol = true;
  return refusal;
}

/// Returns the queue for whose sake a request may be refused, or "".
std::string queue_of(const Request& request) {
  if (const auto* declare = std::get_if<DeclareQueue>(&request)) return declare->name;
  if (const auto* consume = std::get_if<Consume>(&request)) return consume->queue;
  if (const auto* get = std::get_if<Get>(&request)) return get->queue;
  return "";
}

}  // namespace

Refusal Session::run(const ConnectionSettings& settings) {
  ended_ = connect(settings);
  if (!ended_) serve();
  tell_all();
  mailbox_.use_socket(-1);
  wire_.reset();  // destroyed, never closed politely after an error
  mailbox_.deliver(events_);
  return *ended_;
}

std::optional<Refusal> Session::connect(const ConnectionSettings& settings) {
  std::optional<Refusal> worst;
  for (const Endpoint& endpoint : settings.endpoints) {
    std::optional<Refusal> refusal = connect_to_one(settings, endpoint);
    if (!refusal) return std::nullopt;
    refusal->endpoint = endpoint.text();
    refusal->text = refusal->endpoint + ": " + refusal->text;
    if (refusal->cure.empty()) refusal->cure = "start the broker, or correct [amqp] host and port";
    // One that has no room at the moment would take us: another's "no" is not the last word then.
    if (!worst || refusal->limit || (refusal->login && !worst->limit)) worst = std::move(refusal);
  }
  return worst ? worst : Refusal{lost, "no broker is named"};
}

std::optional<Refusal> Session::connect_to_one(const ConnectionSettings& settings,
                                               const Endpoint& endpoint) {
  const Result<std::vector<Address>> addresses = resolve(endpoint, resolve_limit, mailbox_);
  if (!addresses) return Refusal{lost, addresses.error().reason, addresses.error().cure};
  std::optional<Refusal> refusal = Refusal{lost, "its name has no address"};
  for (const Address& address : *addresses) {
    if (mailbox_.stopped()) return Refusal{lost, "asked to stop"};
    wire_ = std::make_unique<Wire>(mailbox_);
    refusal = wire_->open(settings, endpoint, address);
    mailbox_.step();
    if (!refusal) {
      events_.emplace_back(
          Opened{endpoint.text(), wire_->heartbeat(), wire_->channel_max(), wire_->product()});
      return std::nullopt;
    }
    mailbox_.use_socket(-1);
    wire_.reset();
    if (refusal->login || refusal->limit) break;
  }
  return refusal;
}

void Session::serve() {
  bool all_read = true;
  while (!ended_) {
    take_commands();
    // After the commands, since sending may have read frames into the library's buffers.
    if (!ended_ && must_pump()) all_read = pump(Until::drained);
    mailbox_.deliver(events_);
    mailbox_.step();
    if (mailbox_.stopped()) end({lost, "asked to stop"});
    if (!ended_ && !overdue() && all_read) wait();
  }
}

/// Those of one turn of the loop leave together.
void Session::take_commands() {
  if (std::exchange(rung_, false)) mailbox_.drain();
  std::vector<Command> commands = mailbox_.take_commands();
  const bool several = commands.size() > 1;
  if (several) wire_->cork(true);
  for (Command& command : commands) execute(command);
  if (several) wire_->cork(false);
}

/// Where nothing has come the library need not be asked for it, but now and then for its
/// heartbeats.
bool Session::must_pump() const {
  return readable_ || !wire_->is_drained() || SteadyClock::now() - pumped_ >= longest_wait();
}

/// A silence is found when we look: not more than an eighth of a beat after the second is missed.
std::chrono::milliseconds Session::longest_wait() const {
  return std::min(longest_sleep, std::chrono::milliseconds(125 * wire_->heartbeat().count()));
}

void Session::wait() {
  auto limit = longest_wait();
  const auto consider = [&](Time deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now());
    limit = std::clamp(left, std::chrono::milliseconds(0), limit);
  };
  for (const auto& [number, channel] : channels_)
    if (!channel.pending.empty() && !blocked_) consider(channel.pending.front().deadline);
  if (close_deadline_) consider(*close_deadline_);
  pollfd both[] = {{wire_->socket(), POLLIN, 0}, {mailbox_.wake_fd(), POLLIN, 0}};
  const int ready = ::poll(both, 2, static_cast<int>(limit.count()));
  readable_ = ready <= 0 || both[0].revents != 0;
  rung_ = ready <= 0 || both[1].revents != 0;
}

bool Session::overdue() {
  const Time now = SteadyClock::now();
  if (close_deadline_ && now >= *close_deadline_) end({lost, "closed by us"});
  // A blocked connection is not read by the broker: its silence means nothing.
  if (blocked_ || ended_) return ended_.has_value();
  if (!blame_.late(channels_, now)) return false;
  end({lost, "no answer to a request in 20 s"});
  return true;
}

bool Session::pump(Until until) {
  Frame frame;
  readable_ = false;
  pumped_ = SteadyClock::now();
  for (int i = 0; i < frames_a_turn && !ended_; ++i) {
    if (i > 0 && until == Until::drained && wire_->is_drained()) return true;
    const Wire::Got got = wire_->next(frame);
    if (got == Wire::Got::nothing) return true;
    if (got == Wire::Got::broken) {
      if (wire_->garbled()) blame_.unreadable(channels_);
      Refusal why = broken();
      why.protocol = wire_->garbled() && !blame_.is_unreadable();  // else it is a message's doing
      end(std::move(why));
    } else {
      std::visit([&](auto& what) { on(frame.channel, what); }, frame.what);
    }
  }
  readable_ = true;
  return false;
}

ChannelState* Session::find(std::uint16_t number) {
  const auto found = channels_.find(number);
  return found == channels_.end() ? nullptr : &found->second;
}

void Session::on(std::uint16_t number, AnswerFrame& frame) {
  ChannelState* const its = find(number);
  if (!its) return;
  ChannelState& channel = *its;
  // RabbitMQ answers Consume and CancelConsumer when the queue's process has seen them: what was
  // asked later may be answered earlier. Requests of one kind keep their order.
  const auto asker = std::find_if(channel.pending.begin(), channel.pending.end(),
                                  [&](const Pending& one) { return one.request == frame.request; });
  if (asker == channel.pending.end() || channel.reading != Reading::nothing) {
    if (!channel.closing) end(nonsense("the broker sent an answer that nobody asked for"));
    return;
  }
  const Pending asked = *asker;
  channel.pending.erase(asker);
  answer(asked.id, Answer{frame.reply, std::nullopt});
  if (asked.request == request_index<OpenChannel>) channel.opened = true;
  if (asked.request == request_index<Consume>)
    for (Command& command : std::exchange(channel.held, {})) execute(command);
  if (asked.request != request_index<CloseChannel>) return;
  refuse_all(channel, gone);
  channels_.erase(number);
}

/// A message begins on the channel, which is returned unless nobody is there to have it.
ChannelState* Session::begin(std::uint16_t number, Content content) {
  ChannelState* const channel = find(number);
  if (!channel) return nullptr;
  if (channel->reading != Reading::nothing) {
    end(nonsense("a message began inside another one"));
    return nullptr;
  }
  channel->reading = Reading::header;
  channel->content = content;
  channel->message = {};
  return channel;
}

void Session::on(std::uint16_t number, DeliverFrame& frame) {
  if (ChannelState* channel = begin(number, frame.got ? Content::got : Content::delivered))
    static_cast<MessageHead&>(channel->message) = std::move(frame.head);
}

void Session::on(std::uint16_t number, ReturnFrame& frame) {
  if (ChannelState* channel = begin(number, Content::returned))
    channel->returned = std::move(frame);
}

void Session::on(std::uint16_t number, HeaderFrame& frame) {
  ChannelState* const its = find(number);
  if (!its) return;
  ChannelState& channel = *its;
  if (channel.reading != Reading::header) return end(nonsense("a header out of place"));
  Incoming& message = channel.message;
  static_cast<MessageProperties&>(message) = std::move(frame.properties);
  message.user_id = std::move(frame.properties.user_id);
  message.expiration = std::move(frame.properties.expiration);
  message.size = frame.properties.size;
  message.oversized = message.size > max_body;
  channel.arrived = 0;
  channel.reading = Reading::body;
  if (channel.content != Content::returned) {
    if (message.oversized) channel.digest.emplace();
    // In one piece: growing frame by frame would copy what has come again and again.
    message.body.reserve(message.oversized ? kept_body : message.size);
  }
  if (message.size == 0) complete(number, channel);
}

void Session::on(std::uint16_t number, BodyFrame& frame) {
  ChannelState* const its = find(number);
  if (!its) return;
  ChannelState& channel = *its;
  Incoming& message = channel.message;
  channel.arrived += frame.bytes.size();
  if (channel.reading != Reading::body || channel.arrived > message.size)
    return end(nonsense("a body out of place"));
  if (channel.content != Content::returned) {
    const std::size_t room =
        message.oversized ? kept_body - message.body.size() : frame.bytes.size();
    message.body.append(frame.bytes.substr(0, room));
    if (channel.digest) channel.digest->add(frame.bytes);
  }
  if (channel.arrived == message.size) complete(number, channel);
}

void Session::complete(std::uint16_t number, ChannelState& channel) {
  channel.reading = Reading::nothing;
  if (channel.digest) {
    channel.message.sha256 = channel.digest->hex();
    channel.digest.reset();
  }
  if (channel.content == Content::returned) return note_return(channel);
  if (!channel.closing) events_.emplace_back(Delivered{number, std::move(channel.message)});
  channel.message = {};
  if (channel.content != Content::got) return;
  AnswerFrame got{request_index<Get>, {}};
  on(number, got);  // the answer comes after the message itself
}

/// The confirm of a returned message comes after its return and says "accepted"
/// (rbit/doc/traps.rst, broker-return).
void Session::note_return(ChannelState& channel) {
  for (auto& [tag, sent] : channel.unconfirmed) {
    if (sent.returned || sent.message_id != channel.message.message_id ||
        sent.exchange != channel.returned.exchange ||
        sent.routing_key != channel.returned.routing_key)
      continue;
    sent.returned = channel.returned.why;
    if (sent.returned->code == no_route && sent.exchange.empty()) {
      sent.returned->text = "no such queue on the broker (" + sent.returned->text + ")";
      sent.returned->cure = "declare it, or start the rbit that reads it first";
    }
    return;
  }
}

void Session::on(std::uint16_t number, ConfirmFrame& frame) {
  ChannelState* const channel = find(number);
  if (!channel) return;
  auto& unconfirmed = channel->unconfirmed;
  const auto end_of_them = unconfirmed.upper_bound(frame.tag);
  auto one = frame.multiple ? unconfirmed.begin() : unconfirmed.find(frame.tag);
  while (one != unconfirmed.end() && one != end_of_them) {
    Unconfirmed& sent = one->second;
    Answer what;
    if (sent.returned)
      what.refusal = sent.returned;
    else if (!frame.accepted)
      what.refusal =
          Refusal{nacked, "the broker refused it (nack): the queue is full or failing",
                  "make room in it or raise its max-length; the broker's log says what fails"};
    answer(sent.id, std::move(what));
    one = unconfirmed.erase(one);
  }
}

void Session::on(std::uint16_t number, ConsumerCancelFrame& frame) {
  if (find(number)) events_.emplace_back(ConsumerCancelled{number, std::move(frame.tag)});
}

void Session::on(std::uint16_t, ConnectionClosedFrame&) {
  end({lost, "closed by us"});
}

void Session::on(std::uint16_t, Blocked& frame) {
  blocked_ = frame.blocked;
  if (!blocked_) {  // what waited meanwhile gets its time anew
    const Time deadline = SteadyClock::now() + answer_limit;
    for (auto& [number, channel] : channels_)
      for (Pending& pending : channel.pending) pending.deadline = deadline;
  }
  events_.emplace_back(std::move(frame));
}

void Session::execute(Command& command) {
  if (ended_) return answer(command.id, Answer{{}, never_sent()});
  if (hold_back(command)) return;
  if (std::holds_alternative<Settle>(command.what)) return settle(command);
  if (std::holds_alternative<Outgoing>(command.what)) return publish(command);
  if (!std::holds_alternative<CloseConnection>(command.what)) return request(command);
  if (close_deadline_) return;
  close_deadline_ = SteadyClock::now() + goodbye_limit;
  if (!wire_->send(0, command.what)) end({lost, "closed by us"});
}

/// RabbitMQ's channel crashes, and ends the whole connection with 541, when basic.cancel reaches it
/// before the queue's process has answered basic.consume (measured on 3.10.8).
bool Session::hold_back(Command& command) {
  ChannelState* const channel = find(command.channel);
  if (!channel) return false;
  const bool cancels = std::holds_alternative<CancelConsumer>(command.what);
  const auto consumes = [](const Pending& one) { return one.request == request_index<Consume>; };
  if (channel->held.empty() &&
      !(cancels && std::any_of(channel->pending.begin(), channel->pending.end(), consumes)))
    return false;
  channel->held.push_back(std::move(command));
  return true;
}

void Session::request(const Command& command) {
  const Request& asked = command.what;
  if (std::holds_alternative<OpenChannel>(asked)) channels_[command.channel] = ChannelState{};
  ChannelState* const channel = find(command.channel);
  if (!channel || channel->closing) return answer(command.id, Answer{{}, gone});
  channel->closing = std::holds_alternative<CloseChannel>(asked);
  channel->pending.push_back(
      {command.id, asked.index(), SteadyClock::now() + answer_limit, queue_of(asked)});
  send(command);
}

void Session::settle(const Command& command) {
  const ChannelState* const channel = find(command.channel);
  if (!channel || channel->closing) return answer(command.id, Answer{{}, gone});
  Answer done;
  if (!send(command)) done.refusal = end_of_all();
  answer(command.id, std::move(done));
}

void Session::publish(const Command& command) {
  const auto& message = std::get<Outgoing>(command.what);
  if (!is_sendable(message))
    return answer(command.id,
                  Answer{{}, Refusal{unsendable, "a property is longer than AMQP allows"}});
  while (!ended_ && !pump(Until::nothing)) {
  }  // or the publish may hang (rbit/doc/traps.rst, amqp-publish-hangs)
  ChannelState* const channel = find(command.channel);
  if (ended_ || !channel || channel->closing)
    return answer(command.id, Answer{{}, ended_ ? never_sent() : gone});
  channel->unconfirmed[++channel->published] =
      Unconfirmed{command.id, message.exchange, message.routing_key, message.message_id, {}};
  send(command);
}

bool Session::send(const Command& command) {
  if (wire_->send(command.channel, command.what)) return true;
  end(broken());
  return false;
}

void Session::answer(std::uint64_t id, Answer answer) {
  if (id != 0) events_.emplace_back(Answered{id, std::move(answer)});
}

void Session::on(std::uint16_t number, ChannelCloseFrame& frame) {
  if (!wire_->send_channel_close_ok(number))  // at once: until then the broker repeats it
    return end(broken());
  ChannelState* const channel = find(number);
  if (!channel) return;
  note_limit(frame.why);
  for (const Pending& pending : channel->pending)
    if (!pending.queue.empty() && frame.request == pending.request)
      frame.why.suspects.push_back(pending.queue);
  refuse_all(*channel, frame.why);
  channels_.erase(number);
  events_.emplace_back(ChannelClosed{number, frame.why});
}

void Session::on(std::uint16_t, ConnectionCloseFrame& frame) {
  wire_->send_close_ok();
  Refusal& why = frame.why;
  const bool queues_fault = blame_.closed(channels_, why, frame.request);
  why.text = "closed by the broker: " + why.text;
  why.protocol = is_of_the_protocol(why.code) && !queues_fault;
  note_limit(why);
  end(why);
}

/// The connection is over. Whoever waits lost it, whatever the code the broker closed it with, but
/// for those who are to blame.
void Session::tell_all() {
  const Refusal why = end_of_all();
  // Nothing was taken on the one channel that the broker's limit kept from being opened. Of several
  // it is not known which one that was.
  Refusal unsent = why;
  unsent.unsent = why.limit && channels() + 1 == static_cast<int>(channels_.size());
  for (auto& [number, channel] : channels_) {
    if (channel.suspects.empty()) {
      refuse_all(channel, channel.opened ? why : unsent);
      continue;
    }
    Refusal deadly = *ended_;
    deadly.deadly = true;
    deadly.operation = blame_.operation();
    deadly.suspects = channel.suspects;
    if (blame_.is_unreadable()) {
      deadly.code = unreadable;
      deadly.text = "a message of it cannot be read: " + wire_->failure();
      deadly.cure = "take the message out with another client, or purge the queue";
    }
    refuse_all(channel, deadly);
    events_.emplace_back(ChannelClosed{number, std::move(deadly)});
  }
  for (const Command& command : mailbox_.take_commands())
    answer(command.id, Answer{{}, never_sent()});
}

void Session::refuse_all(ChannelState& channel, const Refusal& why) {
  for (const Pending& pending : channel.pending) {
    const bool wanted = pending.request == request_index<CloseChannel>;  // closed it is
    answer(pending.id, wanted ? Answer{} : Answer{{}, why});
  }
  for (const auto& [tag, sent] : channel.unconfirmed)
    answer(sent.id, Answer{{}, sent.returned ? *sent.returned : why});
  for (const Command& command : channel.held) {
    Refusal held_back = why;
    held_back.unsent = true;
    answer(command.id, Answer{{}, held_back});
  }
  channel.held.clear();
  channel.pending.clear();
  channel.unconfirmed.clear();
}

int Session::channels() const {
  return static_cast<int>(std::count_if(channels_.begin(), channels_.end(),
                                        [](const auto& one) { return one.second.opened; }));
}

/// A publish's own fault shows in its channel.
Refusal Session::end_of_all() const {
  Refusal why{lost, ended_->text, ended_->cure};
  why.limit = ended_->limit;
  return why;
}

Refusal Session::never_sent() const {
  Refusal why = end_of_all();
  why.unsent = true;
  return why;
}

void Session::end(Refusal why) {
  if (!ended_) ended_ = std::move(why);
}

Refusal Session::broken() const {
  return {lost, "the connection is lost: " + wire_->failure()};
}

}  // namespace rbit::amqp
