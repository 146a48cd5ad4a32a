#include "rbit/amqp/session.h"

#include <poll.h>

#include <algorithm>
#include <utility>

namespace rbit::amqp {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds resolve_limit{5};
constexpr std::chrono::seconds answer_limit{20};          // of a request
constexpr std::chrono::seconds goodbye_limit{2};          // the broker's answer to our close
constexpr std::chrono::milliseconds longest_sleep{5000};  // heartbeats are pumped
constexpr int frames_a_turn = 1000;

const Refusal gone{lost, "the channel is closed", false};

/// The broker says what the protocol does not allow here.
Refusal nonsense(const char* what) {
  Refusal refusal{lost, what, false};
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

/// What AMQP cannot carry would corrupt the stream half-way through a message.
bool fits(const Outgoing& message) {
  constexpr std::size_t short_string = 255, header_bytes = 64 << 10;
  for (const std::string* text :
       {&message.exchange, &message.routing_key, &message.content_type, &message.content_encoding,
        &message.correlation_id, &message.reply_to, &message.message_id})
    if (text->size() > short_string) return false;
  std::size_t bytes = 0;
  for (const auto& [key, value] : message.headers) {
    const auto* text = std::get_if<std::string>(&value);
    if (key.size() > 128) return false;  // the library's limit
    bytes += key.size() + 16 + (text ? text->size() : 0);
  }
  return bytes <= header_bytes;
}

}  // namespace

Session::Session(Mailbox& mailbox) : mailbox_(mailbox) {}
Session::~Session() = default;

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
  return worst ? worst : Refusal{lost, "no broker is named", false};
}

std::optional<Refusal> Session::connect_to_one(const ConnectionSettings& settings,
                                               const Endpoint& endpoint) {
  const Interrupt interrupt{mailbox_.wake_fd(), [this] { return mailbox_.stopped(); },
                            [this] { mailbox_.drain(); }};
  const Result<std::vector<Address>> addresses = resolve(endpoint, resolve_limit, interrupt);
  if (!addresses) return Refusal{lost, addresses.error().reason, false, addresses.error().cure};
  std::optional<Refusal> refusal = Refusal{lost, "its name has no address", false};
  for (const Address& address : *addresses) {
    if (mailbox_.stopped()) return Refusal{lost, "asked to stop", false};
    wire_ = std::make_unique<Wire>();
    refusal = wire_->open(settings, endpoint, address, interrupt,
                          [this](int fd) { mailbox_.use_socket(fd); });
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
    mailbox_.drain();
    for (Command& command : mailbox_.take_commands()) {
      if (ended_)
        answer(command.id, Answer{{}, never_sent()});
      else
        execute(command);
    }
    // After the commands, since sending may have read frames into the library's buffers.
    if (!ended_) all_read = pump();
    mailbox_.deliver(events_);
    mailbox_.step();
    if (mailbox_.stopped()) end({lost, "asked to stop", false});
    if (!ended_ && !overdue() && all_read) wait();
  }
}

void Session::wait() {
  // A silence is found when we look: not more than an eighth of a beat after the second is missed.
  const std::chrono::milliseconds eighth_of_a_beat(125 * wire_->heartbeat().count());
  auto limit = std::min(longest_sleep, eighth_of_a_beat);
  const auto consider = [&](Time deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now());
    limit = std::clamp(left, std::chrono::milliseconds(0), limit);
  };
  for (const auto& [number, channel] : channels_)
    if (!channel.pending.empty() && !blocked_) consider(channel.pending.front().deadline);
  if (close_deadline_) consider(*close_deadline_);
  pollfd both[] = {{wire_->socket(), POLLIN, 0}, {mailbox_.wake_fd(), POLLIN, 0}};
  ::poll(both, 2, static_cast<int>(limit.count()));
}

bool Session::pump() {
  Frame frame;
  for (int i = 0; i < frames_a_turn && !ended_; ++i) {
    const Wire::Got got = wire_->next(frame);
    if (got == Wire::Got::nothing) return true;
    if (got == Wire::Got::broken) {
      Refusal broken{lost, "the connection is lost: " + wire_->failure(), false};
      broken.protocol = wire_->garbled();
      if (broken.protocol) suspect_unreadable();
      if (unreadable_) broken.protocol = false;  // it is a message's doing
      end(std::move(broken));
    } else {
      handle(frame);
    }
  }
  return false;
}

void Session::handle(Frame& frame) {
  std::visit([&](auto& what) { on(frame.channel, what); }, frame.what);
}

void Session::on(std::uint16_t number, AnswerFrame& frame) {
  const auto found = channels_.find(number);
  if (found == channels_.end()) return;  // it crossed a close
  ChannelState& channel = found->second;
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
  if (asked.request == request_index<Consume>) release(number);
  if (asked.request != request_index<CloseChannel>) return;
  refuse_all(channel, gone);
  channels_.erase(found);
}

/// A message begins on the channel, which is returned unless nobody is there to have it.
Session::ChannelState* Session::begin(std::uint16_t number, Content content) {
  const auto found = channels_.find(number);
  if (found == channels_.end()) return nullptr;
  ChannelState& channel = found->second;
  if (channel.reading != Reading::nothing) {
    end(nonsense("a message began inside another one"));
    return nullptr;
  }
  channel.reading = Reading::header;
  channel.content = content;
  channel.message = {};
  return &channel;
}

void Session::on(std::uint16_t number, DeliverFrame& frame) {
  if (ChannelState* channel = begin(number, frame.got ? Content::got : Content::delivered))
    channel->message = std::move(frame.head);
}

void Session::on(std::uint16_t number, ReturnFrame& frame) {
  if (ChannelState* channel = begin(number, Content::returned))
    channel->returned = std::move(frame);
}

void Session::on(std::uint16_t number, HeaderFrame& frame) {
  const auto found = channels_.find(number);
  if (found == channels_.end()) return;
  ChannelState& channel = found->second;
  if (channel.reading != Reading::header) return end(nonsense("a header out of place"));
  Incoming& message = channel.message;
  Incoming& properties = frame.properties;
  properties.consumer_tag = std::move(message.consumer_tag);
  properties.delivery_tag = message.delivery_tag;
  properties.redelivered = message.redelivered;
  properties.exchange = std::move(message.exchange);
  properties.routing_key = std::move(message.routing_key);
  message = std::move(properties);
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
  const auto found = channels_.find(number);
  if (found == channels_.end()) return;
  ChannelState& channel = found->second;
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
  const auto found = channels_.find(number);
  if (found == channels_.end()) return;
  auto& unconfirmed = found->second.unconfirmed;
  const auto end_of_them = unconfirmed.upper_bound(frame.tag);
  auto one = frame.multiple ? unconfirmed.begin() : unconfirmed.find(frame.tag);
  while (one != unconfirmed.end() && one != end_of_them) {
    Unconfirmed& sent = one->second;
    Answer what;
    if (sent.returned)
      what.refusal = sent.returned;
    else if (!frame.accepted)
      what.refusal =
          Refusal{nacked, "the broker refused it (nack): the queue is full or failing", false,
                  "make room in it or raise its max-length; the broker's log says what fails"};
    answer(sent.id, std::move(what));
    one = unconfirmed.erase(one);
  }
}

void Session::on(std::uint16_t number, ConsumerCancelFrame& frame) {
  if (channels_.contains(number))
    events_.emplace_back(ConsumerCancelled{number, std::move(frame.tag)});
}

void Session::on(std::uint16_t, ConnectionClosedFrame&) {
  end({lost, "closed by us", false});
}

void Session::on(std::uint16_t, BlockedFrame& frame) {
  blocked_ = frame.blocked;
  if (!blocked_) {  // what waited meanwhile gets its time anew
    const Time deadline = SteadyClock::now() + answer_limit;
    for (auto& [number, channel] : channels_)
      for (Pending& pending : channel.pending) pending.deadline = deadline;
  }
  events_.emplace_back(Blocked{frame.blocked, std::move(frame.reason)});
}

void Session::execute(Command& command) {
  if (hold_back(command)) return;
  if (const auto* asked = std::get_if<Request>(&command.what)) {
    request(command, *asked);
  } else if (const auto* duty = std::get_if<Settle>(&command.what)) {
    settle(command, *duty);
  } else if (const auto* message = std::get_if<Outgoing>(&command.what)) {
    publish(command, *message);
  } else if (!close_deadline_) {
    close_deadline_ = SteadyClock::now() + goodbye_limit;
    if (!wire_->send_close()) end({lost, "closed by us", false});
  }
}

/// RabbitMQ's channel crashes, and ends the whole connection with 541, when basic.cancel reaches it
/// before the queue's process has answered basic.consume (measured on 3.10.8).
bool Session::hold_back(Command& command) {
  const auto found = channels_.find(command.channel);
  if (found == channels_.end()) return false;
  ChannelState& channel = found->second;
  const auto* request = std::get_if<Request>(&command.what);
  const bool cancels = request && std::holds_alternative<CancelConsumer>(*request);
  const auto consumes = [](const Pending& one) { return one.request == request_index<Consume>; };
  if (channel.held.empty() &&
      !(cancels && std::any_of(channel.pending.begin(), channel.pending.end(), consumes)))
    return false;
  channel.held.push_back(std::move(command));
  return true;
}

void Session::release(std::uint16_t number) {
  const auto found = channels_.find(number);
  if (found == channels_.end()) return;
  for (Command& command : std::exchange(found->second.held, {})) {
    if (ended_)
      answer(command.id, Answer{{}, never_sent()});
    else
      execute(command);
  }
}

void Session::request(Command& command, const Request& request) {
  const std::uint16_t number = command.channel;
  if (std::holds_alternative<OpenChannel>(request)) channels_[number] = ChannelState{};
  const auto found = channels_.find(number);
  if (found == channels_.end() || found->second.closing)
    return answer(command.id, Answer{{}, gone});
  found->second.closing = std::holds_alternative<CloseChannel>(request);
  found->second.pending.push_back(
      {command.id, request.index(), SteadyClock::now() + answer_limit, queue_of(request)});
  if (!wire_->send(number, request))
    end({lost, "the connection is lost: " + wire_->failure(), false});
}

void Session::settle(const Command& command, const Settle& settle) {
  const auto found = channels_.find(command.channel);
  if (found == channels_.end() || found->second.closing)
    return answer(command.id, Answer{{}, gone});
  if (wire_->send(command.channel, settle)) return answer(command.id, Answer{});
  end({lost, "the connection is lost: " + wire_->failure(), false});
  answer(command.id, Answer{{}, end_of_all()});
}

void Session::publish(const Command& command, const Outgoing& message) {
  if (!fits(message))
    return answer(command.id,
                  Answer{{}, Refusal{unsendable, "a property is longer than AMQP allows", false}});
  while (!ended_ && !pump()) {
  }  // or the publish may hang (rbit/doc/traps.rst, amqp-publish-hangs)
  const auto found = channels_.find(command.channel);
  if (ended_ || found == channels_.end() || found->second.closing)
    return answer(command.id, Answer{{}, ended_ ? never_sent() : gone});
  ChannelState& channel = found->second;
  channel.unconfirmed[++channel.published] =
      Unconfirmed{command.id, message.exchange, message.routing_key, message.message_id, {}};
  if (!wire_->publish(command.channel, message))
    end({lost, "the connection is lost: " + wire_->failure(), false});
}

void Session::answer(std::uint64_t id, Answer answer) {
  if (id != 0) events_.emplace_back(Answered{id, std::move(answer)});
}

}  // namespace rbit::amqp
