#include "tests/support/fake_broker.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <map>
#include <set>
#include <utility>

namespace rbit::test {

namespace {

/// Writes the fields of a method, big-endian.
class Writer {
 public:
  Writer(std::uint16_t method_class, std::uint16_t method) {
    number(method_class, 2).number(method, 2);
  }
  Writer& number(std::uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) text_ += static_cast<char>(value >> (8 * i) & 0xff);
    return *this;
  }
  Writer& short_text(const std::string& text) {
    number(text.size(), 1);
    text_ += text;
    return *this;
  }
  Writer& long_text(const std::string& text) {
    number(text.size(), 4);
    text_ += text;
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Reads them.
class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {}
  std::uint64_t number(std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes && at_ < text_.size(); ++i)
      value = value << 8 | static_cast<unsigned char>(text_[at_++]);
    return value;
  }
  std::string text(std::size_t length_bytes) {
    const std::size_t length = number(length_bytes);
    const std::string found = text_.substr(std::min(at_, text_.size()), length);
    at_ += length;
    return found;
  }

 private:
  const std::string& text_;
  std::size_t at_ = 0;
};

std::string frame(int type, std::uint16_t channel, const std::string& payload) {
  Writer head(0, 0);  // its first four bytes are not used
  head.number(static_cast<std::uint64_t>(type), 1).number(channel, 2).number(payload.size(), 4);
  return head.text().substr(4) + payload + '\xce';
}

/// The message_id of a content header.
std::string message_id_of(Reader& header) {
  const std::uint64_t flags = header.number(2);
  const auto has = [&](int bit) { return (flags >> bit & 1) != 0; };
  if (has(15)) header.text(1);    // content_type
  if (has(14)) header.text(1);    // content_encoding
  if (has(13)) header.text(4);    // headers
  if (has(12)) header.number(1);  // delivery_mode
  if (has(11)) header.number(1);  // priority
  if (has(10)) header.text(1);    // correlation_id
  if (has(9)) header.text(1);     // reply_to
  if (has(8)) header.text(1);     // expiration
  return has(7) ? header.text(1) : "";
}

constexpr int method_frame = 1, header_frame = 2, body_frame = 3, heartbeat_frame = 8;
constexpr int connection_class = 10, channel_class = 20, exchange_class = 40, queue_class = 50,
              basic_class = 60, confirm_class = 85;

}  // namespace

/// One client.
class FakeBroker::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(FakeBroker& broker, asio::ip::tcp::socket socket)
      : broker_(broker), socket_(std::move(socket)), beat_(socket_.get_executor()) {}

  void start() {
    spawn(socket_.get_executor(), serve(shared_from_this()), "a fake broker's client");
  }

  void send(const std::string& bytes) {
    if (over_) return;
    outgoing_.push_back(bytes);
    if (outgoing_.size() == 1)
      spawn(socket_.get_executor(), write(shared_from_this()), "its answers");
  }
  void send_method(std::uint16_t channel, const Writer& method) {
    send(frame(method_frame, channel, method.text()));
  }
  void end() {
    over_ = true;
    beat_.cancel();
    boost::system::error_code ignored;
    socket_.close(ignored);
  }
  bool over() const { return over_; }
  int number() const { return number_; }
  int channels() const { return over_ ? 0 : static_cast<int>(open_.size()); }
  void close_channel(std::uint16_t channel, const Closing& why) {
    const auto code = static_cast<std::uint64_t>(why.code);
    send_method(channel, Writer(channel_class, 40)
                             .number(code, 2)
                             .short_text(why.text)
                             .number(static_cast<std::uint64_t>(why.method_class), 2)
                             .number(static_cast<std::uint64_t>(why.method), 2));
  }
  void close_connection(const Closing& why) {
    const auto code = static_cast<std::uint64_t>(why.code);
    send_method(0, Writer(connection_class, 50)
                       .number(code, 2)
                       .short_text(why.text)
                       .number(static_cast<std::uint64_t>(why.method_class), 2)
                       .number(static_cast<std::uint64_t>(why.method), 2));
  }

 private:
  struct Content {
    Published message;
    std::uint64_t size = 0;
    bool open = false;
  };

  static Task<void> write(std::shared_ptr<Session> self) {
    try {
      while (!self->outgoing_.empty() && !self->over_) {
        co_await asio::async_write(self->socket_, asio::buffer(self->outgoing_.front()),
                                   asio::use_awaitable);
        self->outgoing_.pop_front();
      }
    } catch (const boost::system::system_error&) {
      self->end();
    }
  }

  Task<std::string> read(std::size_t count) {
    asio::steady_timer nap(socket_.get_executor());
    while (!over_ && !broker_.reads) {
      nap.expires_after(std::chrono::milliseconds(20));
      co_await nap.async_wait(asio::use_awaitable);
    }
    std::string bytes(count, '\0');
    co_await asio::async_read(socket_, asio::buffer(bytes), asio::use_awaitable);
    co_return bytes;
  }

  static Task<void> serve(std::shared_ptr<Session> self) {
    try {
      const std::string hello = co_await self->read(8);
      if (!hello.starts_with("AMQP")) co_return self->end();
      self->send_method(0, Writer(connection_class, 10)
                               .number(0, 1)
                               .number(9, 1)
                               .number(0, 4)
                               .long_text("PLAIN")
                               .long_text("en_US"));
      while (!self->over_) {
        const std::string head = co_await self->read(7);
        Reader reader(head);
        const auto type = static_cast<int>(reader.number(1));
        const auto channel = static_cast<std::uint16_t>(reader.number(2));
        std::string payload = co_await self->read(reader.number(4) + 1);
        payload.pop_back();
        self->handle(type, channel, payload);
      }
    } catch (const boost::system::system_error&) {
      self->end();
    }
  }

  void beat() {
    if (over_) return;
    if (broker_.beats) send(frame(heartbeat_frame, 0, ""));
    beat_.expires_after(std::chrono::seconds(1));
    beat_.async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
      if (!cancelled) self->beat();
    });
  }

  void handle(int type, std::uint16_t channel, const std::string& payload) {
    Content& content = contents_[channel];
    if (type == header_frame) {
      Reader reader(payload);
      reader.number(4);
      content.size = reader.number(8);
      content.message.message_id = message_id_of(reader);
      if (content.size == 0) take(channel, content);
    } else if (type == body_frame) {
      content.message.body += payload;
      if (content.message.body.size() >= content.size) take(channel, content);
    } else if (type == method_frame) {
      Reader reader(payload);
      const auto method_class = static_cast<int>(reader.number(2));
      const auto method = static_cast<int>(reader.number(2));
      handle_method(channel, method_class, method, reader);
    }
  }

  void take(std::uint16_t channel, Content& content) {
    if (!std::exchange(content.open, false)) return;
    broker_.published.push_back(content.message);
    const std::uint64_t number = ++published_[channel];
    if (broker_.confirms)
      send_method(channel, Writer(basic_class, 80).number(number, 8).number(0, 1));
  }

  bool refused(std::uint16_t channel, const std::string& what, const std::string& name) {
    const auto why = broker_.refuses ? broker_.refuses(what, name) : std::nullopt;
    if (why && why->connection)
      close_connection(*why);
    else if (why)
      close_channel(channel, *why);
    if (why) open_.erase(channel);
    return why.has_value();
  }

  void handle_method(std::uint16_t channel, int method_class, int method, Reader& in) {
    const auto id = [&](int of, int number) { return method_class == of && method == number; };
    const auto answer = [&](Writer writer) { send_method(channel, writer); };
    if (id(connection_class, 11)) {
      if (broker_.login) {
        ++broker_.refused;
        return close_connection(*broker_.login);
      }
      const std::uint64_t beat = broker_.heartbeat == 0 ? 60 : broker_.heartbeat;
      answer(Writer(connection_class, 30)
                 .number(broker_.channel_max, 2)
                 .number(131072, 4)
                 .number(beat, 2));
    } else if (id(connection_class, 40)) {
      number_ = ++broker_.connections;
      answer(Writer(connection_class, 41).short_text(""));
      if (broker_.opened) close_connection(*broker_.opened);
      beat();
    } else if (id(connection_class, 50)) {
      answer(Writer(connection_class, 51));
    } else if (id(connection_class, 51)) {
      end();
    } else if (id(channel_class, 10)) {
      published_[channel] = 0;
      open_.insert(channel);
      if (open_.size() > broker_.channel_max) return close_connection({504, "CHANNEL_ERROR"});
      if (open_.size() > broker_.most_channels.value_or(open_.size()))
        return close_connection({530,
                                 "NOT_ALLOWED - number of channels opened for user 'guest' has "
                                 "reached the maximum allowed user limit of (9)",
                                 channel_class, 10});
      answer(Writer(channel_class, 11).long_text(""));
    } else if (id(channel_class, 40)) {
      open_.erase(channel);
      answer(Writer(channel_class, 41));
    } else if (id(exchange_class, 10)) {
      answer(Writer(exchange_class, 11));
    } else if (id(queue_class, 10)) {
      in.number(2);
      const std::string name = in.text(1);
      if (refused(channel, "declare", name)) return;
      answer(Writer(queue_class, 11).short_text(name).number(0, 4).number(0, 4));
    } else if (id(queue_class, 20)) {
      answer(Writer(queue_class, 21));
    } else if (id(basic_class, 10)) {
      answer(Writer(basic_class, 11));
    } else if (id(basic_class, 20)) {
      in.number(2);
      Consumer made{number_, channel, in.text(1), "", false};
      made.tag = in.text(1);
      if (refused(channel, "consume", made.queue)) return;
      answer(Writer(basic_class, 21).short_text(made.tag));
      broker_.consumers.push_back(std::move(made));
    } else if (id(basic_class, 30)) {
      const std::string tag = in.text(1);
      for (Consumer& one : broker_.consumers)
        if (one.connection == number_ && one.tag == tag && one.channel == channel)
          one.cancelled = true;
      answer(Writer(basic_class, 31).short_text(tag));
    } else if (id(basic_class, 40)) {
      in.number(2);
      in.text(1);
      Content& content = contents_[channel];
      content = Content{};
      content.message.connection = number_;
      content.message.routing_key = in.text(1);
      content.open = !refused(channel, "publish", content.message.routing_key);
    } else if (id(basic_class, 70)) {
      in.number(2);
      if (refused(channel, "get", in.text(1))) return;
      answer(Writer(basic_class, 72).short_text(""));
    } else if (id(basic_class, 80)) {
      broker_.acked.push_back(in.number(8));
    } else if (id(basic_class, 120)) {
      broker_.requeued.push_back(in.number(8));
    } else if (id(confirm_class, 10)) {
      answer(Writer(confirm_class, 11));
    }
  }

  FakeBroker& broker_;
  asio::ip::tcp::socket socket_;
  asio::steady_timer beat_;
  std::deque<std::string> outgoing_;
  std::map<std::uint16_t, Content> contents_;
  std::map<std::uint16_t, std::uint64_t> published_;
  std::set<std::uint16_t> open_;  // channels
  int number_ = 0;
  bool over_ = false;
};

FakeBroker::FakeBroker(asio::io_context& loop)
    : acceptor_(loop, {asio::ip::address_v4::loopback(), 0}) {
  // Little room on the way, so that a broker that does not read is felt soon.
  acceptor_.set_option(asio::socket_base::receive_buffer_size(4096));
  spawn(loop.get_executor(), accept(), "a fake broker");
}

FakeBroker::~FakeBroker() {
  for (const auto& session : sessions_) session->end();
  acceptor_.close();
  // The frames that are left refer to us: they end now.
  auto& loop = static_cast<asio::io_context&>(acceptor_.get_executor().context());
  loop.restart();
  loop.poll();
}

amqp::Endpoint FakeBroker::endpoint() const {
  return {"127.0.0.1", acceptor_.local_endpoint().port()};
}

Task<void> FakeBroker::accept() {
  try {
    for (;;) {
      auto socket = co_await acceptor_.async_accept(asio::use_awaitable);
      sessions_.push_back(std::make_shared<Session>(*this, std::move(socket)));
      sessions_.back()->start();
    }
  } catch (const boost::system::system_error&) {  // closed
  }
}

const FakeBroker::Consumer* FakeBroker::consumer(const std::string& queue) const {
  const auto found = std::find_if(consumers.rbegin(), consumers.rend(), [&](const Consumer& one) {
    return one.queue == queue && !one.cancelled;
  });
  return found == consumers.rend() ? nullptr : &*found;
}

FakeBroker::Session& FakeBroker::session_of(const Consumer& consumer) {
  for (const auto& session : sessions_)
    if (session->number() == consumer.connection) return *session;
  return *sessions_.back();
}

int FakeBroker::channels() const {
  int count = 0;
  for (const auto& session : sessions_) count += session->channels();
  return count;
}

void FakeBroker::deliver(const Consumer& to, std::uint64_t delivery_tag, const std::string& body) {
  Session& session = session_of(to);
  session.send_method(to.channel, Writer(basic_class, 60)
                                      .short_text(to.tag)
                                      .number(delivery_tag, 8)
                                      .number(0, 1)
                                      .short_text("")
                                      .short_text(to.queue));
  Writer header(basic_class, 0);
  header.number(body.size(), 8).number(0, 2);
  session.send(frame(header_frame, to.channel, header.text()));
  if (!body.empty()) session.send(frame(body_frame, to.channel, body));
}

void FakeBroker::deliver_garbled(const Consumer& to, std::uint64_t delivery_tag) {
  Session& session = session_of(to);
  session.send_method(to.channel, Writer(basic_class, 60)
                                      .short_text(to.tag)
                                      .number(delivery_tag, 8)
                                      .number(0, 1)
                                      .short_text("")
                                      .short_text(to.queue));
  Writer header(basic_class, 0);  // it has headers, and their table is longer than the frame
  header.number(3, 8).number(1 << 13, 2).number(1000, 4);
  session.send(frame(header_frame, to.channel, header.text()));
}

void FakeBroker::cancel(const Consumer& which) {
  sessions_.back()->send_method(which.channel,
                                Writer(basic_class, 30).short_text(which.tag).number(1, 1));
}

void FakeBroker::close_channel(std::uint16_t channel, const Closing& why) {
  sessions_.back()->close_channel(channel, why);
}

void FakeBroker::close_connection(const Closing& why) {
  sessions_.back()->close_connection(why);
}

void FakeBroker::block(const std::string& reason) {
  sessions_.back()->send_method(0, Writer(connection_class, 60).short_text(reason));
}

void FakeBroker::unblock() {
  sessions_.back()->send_method(0, Writer(connection_class, 61));
}

void FakeBroker::send_raw(const std::string& bytes) {
  sessions_.back()->send(bytes);
}

void FakeBroker::drop() {
  sessions_.back()->end();
}

}  // namespace rbit::test
