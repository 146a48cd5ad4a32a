#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "rbit/amqp/connection.h"
#include "rbit/amqp/publish_connection.h"
#include "rbit/base/fd.h"
#include "rbit/base/text.h"
#include "tests/support/broker.h"
#include "tests/support/loop.h"
#include "tests/support/print.h"

using namespace rbit;
using namespace rbit::amqp;

namespace {

std::shared_ptr<Connection> connect(asio::io_context& loop, const ConnectionSettings& settings) {
  auto connection = std::make_shared<Connection>(loop.get_executor(), settings);
  const Answer opened = test::run(loop, connection->open());
  CHECK_MESSAGE(opened.ok(), (opened.refusal ? opened.refusal->text : ""));
  return connection;
}

DeclareQueue queue_named(const std::string& name) {
  DeclareQueue declare;
  declare.name = name;
  return declare;
}

Outgoing message_to(const std::string& queue, const std::string& body) {
  Outgoing message;
  message.routing_key = queue;
  message.body = body;
  return message;
}

/// A port on which nobody listens.
std::uint16_t dead_port() {
  const Fd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  REQUIRE(::bind(probe.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
  return ntohs(address.sin_port);
}

}  // namespace

TEST_CASE("an endpoint is written as people write it") {
  CHECK(Endpoint{"localhost", 5672}.text() == "localhost:5672");
  CHECK(Endpoint{"::1", 5671}.text() == "[::1]:5671");
}

TEST_CASE("a broker that is not there is refused with its address and the reason") {
  asio::io_context loop;
  ConnectionSettings settings;
  settings.endpoints = {{"127.0.0.1", dead_port()}};
  const auto connection = std::make_shared<Connection>(loop.get_executor(), settings);
  const Answer opened = test::run(loop, connection->open());
  REQUIRE(!opened.ok());
  CHECK(opened.refusal->text.find(settings.endpoints.front().text()) != std::string::npos);
  CHECK(opened.refusal->text.find("refused") != std::string::npos);
  CHECK(!opened.refusal->login);
  CHECK(!connection->is_open());
  const auto channel = connection->new_channel();
  CHECK(!test::run(loop, channel->call(queue_named("x"))).ok());
}

TEST_CASE("a connection that hangs in its login can be given up at once") {
  const Fd silent(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  REQUIRE(::bind(silent.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(::listen(silent.get(), 1) == 0);
  REQUIRE(::getsockname(silent.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);

  asio::io_context loop;
  ConnectionSettings settings;
  settings.endpoints = {{"127.0.0.1", ntohs(address.sin_port)}};
  const auto connection = std::make_shared<Connection>(loop.get_executor(), settings);
  bool refused = false;
  asio::co_spawn(loop, connection->open(),
                 [&](std::exception_ptr, Answer answer) { refused = !answer.ok(); });
  loop.poll();
  test::run(loop, connection->close());
  CHECK(test::eventually(loop, [&] { return refused; }));
}

TEST_CASE("a wrong password is told from a missing broker") {
  auto settings = test::broker();
  if (!settings) return;
  asio::io_context loop;
  settings->password = "wrong";
  const auto connection = std::make_shared<Connection>(loop.get_executor(), *settings);
  const Answer opened = test::run(loop, connection->open());
  REQUIRE(!opened.ok());
  CHECK(opened.refusal->login);
  CHECK(opened.refusal->code == 403);

  settings->password = "guest";
  settings->virtual_host = "no-such-host";
  const auto other = std::make_shared<Connection>(loop.get_executor(), *settings);
  const Answer unknown = test::run(loop, other->open());
  REQUIRE(!unknown.ok());
  CHECK(unknown.refusal->login);
  CHECK(unknown.refusal->code == 530);
}

TEST_CASE("the next endpoint is tried when one is away") {
  auto settings = test::broker();
  if (!settings) return;
  asio::io_context loop;
  settings->endpoints.insert(settings->endpoints.begin(), {"127.0.0.1", dead_port()});
  settings->endpoints.insert(settings->endpoints.begin(), {"no-such-host.invalid", 5672});
  const auto connection = connect(loop, *settings);
  CHECK(connection->peer() == settings->endpoints.back().text());
  test::run(loop, connection->close());
  CHECK(!connection->is_open());
}

TEST_CASE("a message keeps its properties on the way to a consumer and back") {
  auto settings = test::broker();
  if (!settings) return;
  asio::io_context loop;
  const auto connection = connect(loop, *settings);
  const std::string queue = test::fresh_queue("properties");
  const auto channel = connection->new_channel();
  CHECK(test::run(loop, channel->call(queue_named(queue))).ok());
  CHECK(test::run(loop, channel->call(SelectConfirms{})).ok());

  Outgoing sent = message_to(queue, std::string("a\0b", 3));
  sent.content_type = "application/json";
  sent.content_encoding = "utf-8";
  sent.correlation_id = "c";
  sent.reply_to = "r";
  sent.message_id = "m";
  sent.timestamp = 1'700'000'000;
  sent.priority = 3;
  sent.headers = {{"flag", true},
                  {"small", std::int64_t{7}},
                  {"large", std::int64_t{1} << 40},
                  {"real", 1.5},
                  {"text", std::string("t")}};
  sent.time_headers = {{"when", 1'600'000'000}};
  std::optional<Answer> confirmed;
  channel->publish(sent, [&](Answer answer) { confirmed = std::move(answer); });
  REQUIRE(test::eventually(loop, [&] { return confirmed.has_value(); }));
  CHECK(confirmed->ok());

  std::vector<Incoming> got;
  Channel::Events events;
  events.delivered = [&](Incoming message) { got.push_back(std::move(message)); };
  channel->listen(std::move(events));
  channel->request(SetPrefetch{1});
  CHECK(test::run(loop, channel->call(Consume{queue, "tag"})).ok());
  REQUIRE(test::eventually(loop, [&] { return got.size() == 1; }));
  const Incoming& came = got.front();
  CHECK(came.consumer_tag == "tag");
  CHECK(came.routing_key == queue);
  CHECK(came.body == sent.body);
  CHECK(came.size == 3);
  CHECK(!came.redelivered);
  CHECK(came.persistent);
  CHECK(came.content_type == sent.content_type);
  CHECK(came.content_encoding == sent.content_encoding);
  CHECK(came.correlation_id == sent.correlation_id);
  CHECK(came.reply_to == sent.reply_to);
  CHECK(came.message_id == sent.message_id);
  CHECK(came.timestamp == sent.timestamp);
  CHECK(came.priority == sent.priority);
  auto headers = sent.headers;
  headers["when"] = std::int64_t{1'600'000'000};
  CHECK(came.headers == headers);
  CHECK(test::run(loop, channel->call(Settle{came.delivery_tag})).ok());
  test::run(loop, connection->close());
}

TEST_CASE("a body above the limit is drained: its start, size and digest are kept") {
  auto settings = test::broker();
  if (!settings) return;
  asio::io_context loop;
  const auto connection = connect(loop, *settings);
  const std::string queue = test::fresh_queue("large");
  const auto channel = connection->new_channel();
  channel->request(queue_named(queue));
  channel->request(SelectConfirms{});
  std::string body;
  while (body.size() < (5u << 20)) body += std::to_string(body.size()) + " ";
  const std::string fine(max_body, 'x');
  int confirmed = 0;
  for (const std::string& one : {body, fine, std::string()})
    channel->publish(message_to(queue, one), [&](Answer answer) { confirmed += answer.ok(); });
  REQUIRE(test::eventually(loop, [&] { return confirmed == 3; }));

  std::vector<Incoming> got;
  Channel::Events events;
  events.delivered = [&](Incoming message) { got.push_back(std::move(message)); };
  channel->listen(std::move(events));
  for (int i = 0; i < 3; ++i) {
    const Answer answer = test::run(loop, channel->call(Get{queue}));
    CHECK(answer.ok());
    CHECK(!answer.reply.empty);
    CHECK(got.size() == static_cast<std::size_t>(i) + 1);  // the message comes before the answer
  }
  CHECK(got[0].oversized);
  CHECK(got[0].size == body.size());
  CHECK(got[0].body == body.substr(0, kept_body));
  CHECK(got[0].sha256 == text::sha256_hex(body));
  CHECK(!got[1].oversized);
  CHECK(got[1].body == fine);
  CHECK(got[2].body.empty());
  CHECK(test::run(loop, channel->call(Get{queue})).reply.empty);
  test::run(loop, connection->close());
}

TEST_CASE("an error closes one channel and leaves the others alone") {
  auto settings = test::broker();
  if (!settings) return;
  asio::io_context loop;
  const auto connection = connect(loop, *settings);
  const auto good = connection->new_channel(), bad = connection->new_channel();
  int closed = 0;
  Channel::Events events;
  events.closed = [&](const Refusal& why) { closed = why.code; };
  bad->listen(std::move(events));
  DeclareQueue missing = queue_named(test::fresh_queue("missing"));
  missing.passive = true;
  std::optional<Answer> second;
  bad->request(missing);
  bad->request(SetPrefetch{1}, [&](Answer answer) { second = std::move(answer); });
  REQUIRE(test::eventually(loop, [&] { return closed != 0; }));
  CHECK(closed == 404);
  CHECK(!bad->is_open());
  REQUIRE(second);
  CHECK(!second->ok());
  CHECK(test::run(loop, good->call(queue_named(test::fresh_queue("good")))).ok());
  test::run(loop, connection->close());
  CHECK(!good->is_open());
}

TEST_CASE("channels are numbered anew and never run out") {
  auto settings = test::broker();
  if (!settings) return;
  asio::io_context loop;
  settings->channel_max = 4;
  const auto connection = connect(loop, *settings);
  for (int i = 0; i < 20; ++i) {
    const auto channel = connection->new_channel();
    CHECK(test::run(loop, channel->call(SetPrefetch{1})).ok());
    channel->close();
    const auto probe = connection->new_channel();  // closed by being dropped
    CHECK(test::run(loop, probe->call(SetPrefetch{1})).ok());
  }
  test::run(loop, connection->close());
}

TEST_CASE("a connection that is cut off tells its channels and whoever waits") {
  auto settings = test::broker();
  if (!settings) return;
  asio::io_context loop;
  const auto connection = connect(loop, *settings);
  const auto channel = connection->new_channel();
  bool closed = false, channel_closed = false;
  Connection::Events events;
  events.closed = [&](const Refusal&) { closed = true; };
  connection->listen(std::move(events));
  Channel::Events channel_events;
  channel_events.closed = [&](const Refusal&) { channel_closed = true; };
  channel->listen(std::move(channel_events));
  connection->abort();
  const Answer answer = test::run(loop, channel->call(queue_named("x")));
  CHECK(!answer.ok());
  CHECK(test::eventually(loop, [&] { return closed && channel_closed; }));
  CHECK(!test::run(loop, channel->call(Settle{1})).ok());
}

TEST_CASE("a publish is confirmed, or its Error says why not") {
  auto settings = test::broker();
  if (!settings) return;
  asio::io_context loop;
  PublishConnection publisher(loop.get_executor(), *settings, std::chrono::seconds(20));
  publisher.start();
  const std::string queue = test::fresh_queue("publish");
  CHECK(test::run(loop, publisher.declare_queue(queue)));
  for (int i = 0; i < 3; ++i) CHECK(test::run(loop, publisher.publish(message_to(queue, "hello"))));

  const auto nowhere = test::run(loop, publisher.publish(message_to(queue + ".no", "hello")));
  REQUIRE(!nowhere);  // returned before it was confirmed
  CHECK(nowhere.error().reason.find("NO_ROUTE") != std::string::npos);
  CHECK(nowhere.error().reason.find("no such queue") != std::string::npos);
  CHECK(!nowhere.error().cure.empty());

  Outgoing strange = message_to(queue, "hello");
  strange.correlation_id = std::string(300, 'c');
  CHECK(!test::run(loop, publisher.publish(strange)));
  CHECK(publisher.is_up());

  DeclareQueue full = queue_named(test::fresh_queue("full"));
  full.arguments = {{"x-max-length", 1}, {"x-overflow", std::string("reject-publish")}};
  CHECK(test::run(loop, publisher.declare(full)).ok());
  CHECK(test::run(loop, publisher.publish(message_to(full.name, "first"))));
  const Answer refused = test::run(loop, publisher.send(message_to(full.name, "second")));
  REQUIRE(!refused.ok());
  CHECK(refused.refusal->code == nacked);

  full.name = queue;                                     // it is there without arguments
  CHECK(test::run(loop, publisher.declare(full)).ok());  // from the cache
  test::run(loop, publisher.close());
}

TEST_CASE("a publish that closes its channel does not take its neighbours along") {
  auto settings = test::broker();
  if (!settings) return;
  asio::io_context loop;
  PublishConnection publisher(loop.get_executor(), *settings, std::chrono::seconds(20));
  publisher.start();
  const std::string queue = test::fresh_queue("neighbours");
  CHECK(test::run(loop, publisher.declare_queue(queue)));
  std::map<std::string, std::string> ended;
  for (const char* name : {"a", "b", "bad", "c", "d"}) {
    Outgoing message = message_to(queue, name);
    message.message_id = name;
    if (name == std::string("bad")) message.exchange = "no-such-exchange";
    asio::co_spawn(loop, publisher.send(message),
                   [&ended, name](std::exception_ptr, Answer answer) {
                     ended[name] = answer.ok() ? "confirmed" : std::to_string(answer.refusal->code);
                   });
  }
  REQUIRE(test::eventually(loop, [&] { return ended.size() == 5; }));
  for (const char* name : {"a", "b", "c", "d"}) CHECK(ended[name] == "confirmed");
  CHECK(ended["bad"] == "404");
  test::run(loop, publisher.close());
}

TEST_CASE("without a broker a publish fails when the patience is over") {
  asio::io_context loop;
  ConnectionSettings settings;
  settings.endpoints = {{"127.0.0.1", dead_port()}};
  PublishConnection publisher(loop.get_executor(), settings, std::chrono::milliseconds(1000));
  publisher.start();
  const auto sent = test::run(loop, publisher.publish(message_to("q", "hello")));
  REQUIRE(!sent);
  CHECK(sent.error().thing == "broker " + settings.endpoints.front().text());
  CHECK(sent.error().reason.find("refused") != std::string::npos);
  CHECK(!test::run(loop, publisher.declare_queue("q")));
  CHECK(!publisher.refused_login());
  test::run(loop, publisher.close());
}

TEST_CASE("a publisher whose login is refused fails at once and says so") {
  auto settings = test::broker();
  if (!settings) return;
  for (const bool wrong_host : {false, true}) {
    (wrong_host ? settings->virtual_host : settings->password) = "no-such";
    if (wrong_host) settings->password = "guest";
    asio::io_context loop;
    PublishConnection publisher(loop.get_executor(), *settings, std::chrono::hours(1));
    publisher.start();
    const auto sent = test::run(loop, publisher.publish(message_to("q", "hello")));
    REQUIRE(!sent);
    CHECK(publisher.refused_login());
    CHECK(sent.error().thing == "broker " + settings->endpoints.front().text());
    CHECK(sent.error().reason.find(settings->endpoints.front().text()) == std::string::npos);
    const char* const named = wrong_host ? "virtual_host" : "password";
    CHECK(sent.error().cure.find(named) != std::string::npos);
    test::run(loop, publisher.close());
    PublishConnection declarer(loop.get_executor(), *settings, std::chrono::hours(1));
    declarer.start();
    CHECK(!test::run(loop, declarer.declare_queue("q")));
    test::run(loop, declarer.close());
  }
}

TEST_CASE("our own headers are read however many others a message has") {
  auto settings = test::broker();
  if (!settings) return;
  settings->own_headers = "x-rbit-";
  asio::io_context loop;
  PublishConnection publisher(loop.get_executor(), *settings, std::chrono::seconds(20));
  publisher.start();
  const std::string queue = test::fresh_queue("headers");
  REQUIRE(test::run(loop, publisher.declare_queue(queue)));
  const auto connection = connect(loop, *settings);
  const auto channel = connection->new_channel();
  std::vector<Incoming> got;
  Channel::Events events;
  events.delivered = [&](Incoming message) { got.push_back(std::move(message)); };
  channel->listen(std::move(events));
  for (const std::size_t length : {std::size_t{1}, std::size_t{500}}) {
    Outgoing message = message_to(queue, "hello");
    for (std::size_t i = 0; i < 2 * max_own_headers + max_headers; ++i) {
      const std::string value(i < 32 ? length : 1, 'v');
      message.headers["a" + std::to_string(i)] = value;
      message.headers["y" + std::to_string(i)] = value;
    }
    message.headers["x-rbit-attempt"] = std::int64_t{4};
    message.time_headers["x-rbit-first"] = 1234;
    REQUIRE(test::run(loop, publisher.publish(message)));
    REQUIRE(test::run(loop, channel->call(Get{queue})).ok());
    REQUIRE(!got.empty());
    const auto& headers = got.back().headers;
    CHECK((headers.at("x-rbit-attempt") == message.headers.at("x-rbit-attempt")));
    CHECK(std::get<std::int64_t>(headers.at("x-rbit-first")) == 1234);
    CHECK(headers.size() <= max_headers + 2);
    CHECK(headers.size() > 2);
  }
  test::run(loop, connection->close());
  test::run(loop, publisher.close());
}
