// A full broker was taken for a wrong password: exit 77, and "check user and password".
#include "rbit/amqp/login.h"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rbit/amqp/keeper.h"
#include "rbit/amqp/publish_connection.h"
#include "tests/support/broker.h"
#include "tests/support/fake_broker.h"
#include "tests/support/log_capture.h"
#include "tests/support/loop.h"
#include "tests/support/print.h"

using namespace rbit;
using namespace rbit::amqp;
using std::chrono::milliseconds;
using test::FakeBroker;

TEST_CASE("the text of a refused login tells a wrong setting from a limit") {
  struct Case {
    int code;
    const char* text;
    bool login, limit;
    const char* cure;  // a word of it
  };
  // All but the last six are what RabbitMQ 3.10.8 to 4 say.
  for (const Case& one : {
           Case{403, "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN.",
                true, false, "password"},
           Case{403, "ACCESS_REFUSED - User can only log in via localhost", true, false, "machine"},
           Case{530, "NOT_ALLOWED - vhost nope not found", true, false, "virtual_host"},
           Case{530, "NOT_ALLOWED - access to vhost '/' refused for user 'u'", true, false,
                "permissions"},
           Case{530,
                "NOT_ALLOWED - access to vhost '/' refused for user 'guest': connection limit (1) "
                "is reached",
                false, true, "limit"},
           Case{530,
                "NOT_ALLOWED - connection refused for user 'lim': user connection limit (1) is "
                "reached",
                false, true, "limit"},
           Case{530,
                "NOT_ALLOWED - connection refused for user 'lim': node connection limit (9) is "
                "reached",
                false, true, "limit"},
           Case{530, "NOT_ALLOWED - access to vhost '/' refused for user 'guest': vhost is down",
                false, true, "restart_vhost"},
           Case{541,
                "INTERNAL_ERROR - access to vhost '/' refused for user 'guest': vhost '/' is "
                "down",
                false, false, ""},
           Case{320, "CONNECTION_FORCED - broker forced connection closure", false, false, ""},
           Case{402, "INVALID_PATH - no such host", true, false, "virtual_host"},
           Case{530, "NOT_ALLOWED - something new", true, false, "virtual_host"},
           Case{530, "NOT_ALLOWED - access to vhost 'limit (1) is reached' refused for user 'u'",
                true, false, "permissions"},
           Case{530,
                "NOT_ALLOWED - access to vhost 'it's' refused for user 'u': connection limit (1) "
                "is reached",
                false, true, "limit"},
           Case{530, "NOT_ALLOWED - access to vhost 'a' limit (1) is reached' refused for user 'u'",
                true, false, "permissions"},
           Case{403, "ACCESS_REFUSED - connection limit (1) is reached", true, false, "password"},
       }) {
    CAPTURE(one.text);
    const Refusal refusal = refused_login(one.code, one.text);
    CHECK(refusal.code == one.code);
    CHECK(refusal.text == one.text);
    CHECK(refusal.login == one.login);
    CHECK(refusal.limit == one.limit);
    CHECK(refusal.cure.find(one.cure) != std::string::npos);
    CHECK(refusal.cure.empty() == std::string(one.cure).empty());
  }
}

TEST_CASE("a broker without room is asked again soon, said once, and is no wrong password") {
  test::LogCapture log;
  asio::io_context loop;
  FakeBroker broker(loop);
  broker.login = FakeBroker::Closing{
      530,
      "NOT_ALLOWED - access to vhost '/' refused for user 'guest': connection limit (3) is "
      "reached"};
  ConnectionSettings settings;
  settings.endpoints = {broker.endpoint()};
  settings.backoff_base = settings.backoff_cap = std::chrono::minutes(10);
  settings.limit_pause = milliseconds(40);
  settings.not_welcome_pause = std::chrono::minutes(10);
  Keeper keeper(loop.get_executor(), settings, Voice::loud);
  int vain = 0, ups = 0;
  Keeper::Events events;
  events.connect_failed = [&](const Refusal& why) {
    ++vain;
    CHECK(!why.login);
  };
  events.up = [&](std::shared_ptr<Connection>) { ++ups; };
  keeper.start(std::move(events));
  REQUIRE(test::eventually(loop, [&] { return vain == 5; }));
  CHECK(log.lines("no room for us").size() == 1);
  CHECK(log.lines("connection limit (3)").size() == 1);
  CHECK(log.lines("set_vhost_limits").size() == 1);
  CHECK(log.lines("password").empty());
  broker.login.reset();
  REQUIRE(test::eventually(loop, [&] { return ups == 1; }));
  test::run(loop, keeper.close());
}

TEST_CASE("a limit that is reached is told from arguments that differ, and has its cure") {
  struct Case {
    int code;
    const char* text;
    const char* cure;  // a word of it; none: it is no limit
  };
  // What RabbitMQ 3.10.8 and 4 say.
  for (const Case& one : {
           Case{406,
                "PRECONDITION_FAILED - cannot declare queue 'b': queue limit in vhost 'v' (1) is "
                "reached",
                "set_vhost_limits"},
           Case{406,
                "PRECONDITION_FAILED - cannot declare queue 'b': queue limit in cluster (1) is "
                "reached",
                "delete queues"},
           Case{406,
                "PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue '(1) is reached' "
                "in vhost '/': received none but current is the value '10' of type 'signedint'",
                ""},
           Case{530,
                "NOT_ALLOWED - number of channels opened for user 'ul' has reached the maximum "
                "allowed user limit of (0)",
                "set_user_limits"},
           Case{404, "NOT_FOUND - no queue 'limit (1) is reached' in vhost '/'", ""},
       }) {
    CAPTURE(one.text);
    Refusal refusal{one.code, one.text};
    note_limit(refusal);
    CHECK(refusal.limit == (*one.cure != 0));
    CHECK(refusal.cure.empty() == (*one.cure == 0));
    CHECK(refusal.cure.find(one.cure) != std::string::npos);
  }
}

TEST_CASE("a user who may open too few channels: said once, tried out, and then it goes on") {
  test::LogCapture log;
  asio::io_context loop;
  FakeBroker broker(loop);
  broker.most_channels = 1;
  ConnectionSettings settings;
  settings.endpoints = {broker.endpoint()};
  settings.least_channels = 2;
  settings.limit_pause = milliseconds(40);
  settings.backoff_base = settings.backoff_cap = std::chrono::minutes(10);
  Keeper keeper(loop.get_executor(), settings, Voice::loud);
  int ups = 0;
  std::vector<std::shared_ptr<Channel>> channels;
  Keeper::Events events;
  events.up = [&](std::shared_ptr<Connection> connection) {
    ++ups;
    channels = {connection->new_channel(), connection->new_channel()};
  };
  keeper.start(std::move(events));
  REQUIRE(test::eventually(loop, [&] { return broker.connections == 5; }));
  CHECK(ups == 1);
  CHECK_FALSE(keeper.is_up());
  CHECK(log.lines("WARNI").size() == 1);
  CHECK(log.lines("limit of (9)").size() == 1);
  CHECK(log.lines("this connection needs 2").size() == 1);
  CHECK(log.lines("set_user_limits").size() == 1);
  CHECK(log.lines("connected to").size() == 1);
  broker.most_channels.reset();
  REQUIRE(test::eventually(loop, [&] { return ups == 2; }));
  REQUIRE(test::eventually(loop, [&] { return log.lines("connected to").size() == 2; }));
  CHECK(keeper.is_up());
  CHECK(log.lines("WARNI").size() == 1);
  test::run(loop, keeper.close());
}

TEST_CASE(
    "what was published where no channel could be opened has not arrived, and that is known") {
  asio::io_context loop;
  FakeBroker broker(loop);
  broker.most_channels = 0;
  ConnectionSettings settings;
  settings.endpoints = {broker.endpoint()};
  settings.limit_pause = milliseconds(20);
  PublishConnection publisher(loop.get_executor(), settings, std::chrono::minutes(10));
  publisher.start();
  std::optional<Answer> sent;
  const auto send = [&]() -> Task<void> {
    Outgoing message;
    message.routing_key = "q";
    sent = co_await publisher.send(std::move(message));
  };
  spawn(loop.get_executor(), send(), "a message");
  REQUIRE(test::eventually(loop, [&] { return broker.connections >= 3; }));
  CHECK_FALSE(publisher.is_up());
  test::run(loop, publisher.close());
  REQUIRE(test::eventually(loop, [&] { return sent.has_value(); }));
  REQUIRE(!sent->ok());
  CHECK_FALSE(sent->refusal->unsure);
}

TEST_CASE("a queue that is there as another one will do, one that a limit forbids will not") {
  asio::io_context loop;
  FakeBroker broker(loop);
  broker.refuses = [](const std::string&, const std::string& name) {
    return std::optional(FakeBroker::Closing{
        406,
        name == "odd"
            ? "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'odd' in vhost "
              "'/': received 'true' but current is 'false'"
            : "PRECONDITION_FAILED - cannot declare queue 'new': queue limit in vhost '/' "
              "(3) is reached",
        50, 10});
  };
  ConnectionSettings settings;
  settings.endpoints = {broker.endpoint()};
  PublishConnection publisher(loop.get_executor(), settings, std::chrono::seconds(20));
  publisher.start();
  CHECK(test::run(loop, publisher.declare_queue("odd")));
  const auto refused = test::run(loop, publisher.declare_queue("new"));
  REQUIRE(!refused);
  CHECK(refused.error().reason.find("(3) is reached") != std::string::npos);
  CHECK(refused.error().cure.find("set_vhost_limits") != std::string::npos);
  test::run(loop, publisher.close());
}

TEST_CASE("a broker that allows too few channels is named, with the number that is missing") {
  asio::io_context loop;
  FakeBroker broker(loop);
  broker.channel_max = 2;
  ConnectionSettings settings;
  settings.endpoints = {broker.endpoint()};
  settings.least_channels = 3;
  const auto connection = std::make_shared<Connection>(loop.get_executor(), settings);
  const Answer opened = test::run(loop, connection->open());
  REQUIRE(!opened.ok());
  CHECK(!opened.refusal->login);
  CHECK(opened.refusal->text.ends_with("it allows 2 channels a connection, and this one needs 3"));
  CHECK(opened.refusal->cure.find("channel_max") != std::string::npos);
}

TEST_CASE("no more channels are opened than the broker allows") {
  asio::io_context loop;
  FakeBroker broker(loop);
  broker.channel_max = 2;
  ConnectionSettings settings;
  settings.endpoints = {broker.endpoint()};
  const auto connection = std::make_shared<Connection>(loop.get_executor(), settings);
  REQUIRE(test::run(loop, connection->open()).ok());
  const auto one = connection->new_channel(), two = connection->new_channel();
  CHECK(one->is_open());
  CHECK(two->is_open());
  CHECK_FALSE(connection->new_channel()->is_open());
  one->close();
  CHECK(test::eventually(loop, [&] { return connection->new_channel()->is_open(); }));
  test::run(loop, connection->close());
}
