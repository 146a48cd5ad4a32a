// Connections to a broker that misbehaves (rbit/doc/traps.rst, broker-trouble).
#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rbit/amqp/publish_connection.h"
#include "rbit/base/backoff.h"
#include "rbit/base/recent.h"
#include "tests/support/broker.h"
#include "tests/support/fake_broker.h"
#include "tests/support/log_capture.h"
#include "tests/support/loop.h"

using namespace rbit;
using namespace rbit::amqp;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::FakeBroker;

namespace {

ConnectionSettings settings_for(const std::vector<const FakeBroker*>& brokers) {
  ConnectionSettings settings;
  settings.endpoints.clear();
  for (const FakeBroker* one : brokers) settings.endpoints.push_back(one->endpoint());
  settings.heartbeat = seconds(5);
  settings.backoff_base = settings.backoff_cap = milliseconds(2);
  return settings;
}

Outgoing message_to(const std::string& queue, const std::string& id) {
  Outgoing message;
  message.routing_key = queue;
  message.message_id = id;
  message.body = "body of " + id;
  return message;
}

/// A Keeper that is closed before it goes.
struct Kept {
  Kept(asio::io_context& its_loop, ConnectionSettings settings, Voice voice = Voice::loud)
      : loop(its_loop), keeper(loop.get_executor(), std::move(settings), voice) {
    Keeper::Events events;
    events.up = [this](std::shared_ptr<Connection>) { ++ups; };
    events.down = [this](const Refusal& why) { ends.push_back(why); };
    events.connect_failed = [this](const Refusal&) { ++vain; };
    events.hopeless = [this](const Refusal& why) { hopeless = why; };
    keeper.start(std::move(events));
  }
  ~Kept() { test::run(loop, keeper.close()); }

  asio::io_context& loop;
  int ups = 0, vain = 0;
  std::vector<Refusal> ends;
  std::optional<Refusal> hopeless;
  Keeper keeper;
};

/// A PublishConnection with one message on its way at a time of the test's choice.
struct Publishing {
  Publishing(asio::io_context& its_loop, ConnectionSettings settings, milliseconds patience)
      : loop(its_loop), publisher(loop.get_executor(), std::move(settings), patience) {
    publisher.start();
  }
  ~Publishing() { test::run(loop, publisher.close()); }

  void publish(Outgoing message) {
    asio::co_spawn(loop, publisher.publish(std::move(message)),
                   [this](std::exception_ptr, Result<void> result) {
                     answers.push_back(result ? "" : result.error().text());
                   });
  }
  bool wait_up() {
    return test::eventually(loop, [&] { return publisher.is_up(); });
  }

  asio::io_context& loop;
  PublishConnection publisher;
  std::vector<std::string> answers;  // empty: taken
};

}  // namespace

TEST_CASE("five within the span are a habit, four and a late one are not") {
  const Recent::Time start{};
  Recent recent(5, std::chrono::minutes(10));
  for (int i = 0; i < 4; ++i) CHECK(!recent.note(start + std::chrono::minutes(i)));
  CHECK(!recent.note(start + std::chrono::minutes(12)));  // two are forgotten
  CHECK(!recent.note(start + std::chrono::minutes(12)));
  CHECK(recent.note(start + std::chrono::minutes(12)));
  CHECK(!recent.note(start + std::chrono::minutes(12)));  // counted from nothing again
}

TEST_CASE("pauses are anywhere below a step that doubles up to the cap") {
  const milliseconds base(500), cap(30'000);
  milliseconds highest_first{0}, highest_last{0};
  bool below_half = false;
  for (int round = 0; round < 200; ++round) {
    Backoff pause(base, cap);
    const milliseconds first = pause.next();
    CHECK(first <= base);
    highest_first = std::max(highest_first, first);
    below_half = below_half || first < base / 2;
    milliseconds step = base;
    for (int i = 1; i < 12; ++i) {
      step = std::min(step * 2, cap);
      const milliseconds one = pause.next();
      CHECK(one <= step);
      highest_last = std::max(highest_last, one);
    }
    pause.reset();
    CHECK(pause.next() <= base);
  }
  CHECK(below_half);
  CHECK(highest_first > base / 2);
  CHECK(highest_last > cap / 2);
}

TEST_CASE("a connection the broker closes is made again") {
  for (const int code : {320, 541}) {
    asio::io_context loop;
    FakeBroker broker(loop);
    Kept kept(loop, settings_for({&broker}));
    for (int round = 1; round <= 7; ++round) {
      REQUIRE(test::eventually(loop, [&] { return kept.ups == round; }));
      broker.close_connection({code, "CONNECTION_FORCED"});
      REQUIRE(test::eventually(loop, [&] { return kept.ends.size() == std::size_t(round); }));
      CHECK(kept.ends.back().code == code);
    }
    CHECK(!kept.hopeless);  // however often
  }
}

TEST_CASE("five connections that end over the protocol are beyond hope, four are not") {
  const std::string unknown_method = {1, 0, 0, 0, 0, 0, 4, 0, 60, 3, '\xe7', '\xce'};  // 60, 999
  const std::string no_frame = "HTTP/1.1 400 Bad Request\r\n\r\n";
  for (const int way : {501, 502, 503, 504, 505, 1, 2}) {
    CAPTURE(way);
    asio::io_context loop;
    FakeBroker broker(loop);
    Kept kept(loop, settings_for({&broker}));
    for (int round = 1; round <= 5; ++round) {
      CHECK(!kept.hopeless);
      REQUIRE(test::eventually(loop, [&] { return kept.ups == round; }));
      if (way > 500)
        broker.close_connection({way, "FRAME_ERROR"});
      else
        broker.send_raw(way == 1 ? unknown_method : no_frame);
      REQUIRE(test::eventually(loop, [&] { return kept.ends.size() == std::size_t(round); }));
      CHECK(kept.ends.back().protocol);
    }
    CHECK(kept.hopeless);
  }
}

TEST_CASE("a login that is refused is said once, and tried again after a long pause") {
  test::LogCapture log;
  asio::io_context loop;
  FakeBroker broker(loop);
  ConnectionSettings settings = settings_for({&broker});
  settings.not_welcome_pause = milliseconds(100);
  Kept kept(loop, settings);
  REQUIRE(test::eventually(loop, [&] { return kept.ups == 1; }));
  broker.login = FakeBroker::Closing{403, "ACCESS_REFUSED - no more"};  // the user was deleted
  broker.close_connection({320, "CONNECTION_FORCED - user 'guest' was deleted"});
  REQUIRE(test::eventually(loop, [&] { return kept.ends.size() == 1; }));
  const auto begun = std::chrono::steady_clock::now();
  REQUIRE(test::eventually(loop, [&] { return kept.vain == 5; }));
  CHECK(std::chrono::steady_clock::now() - begun >= milliseconds(400));  // four pauses
  CHECK(log.lines("ERROR").size() == 1);
  CHECK(log.lines("no more").size() == 1);
  broker.login = FakeBroker::Closing{530, "NOT_ALLOWED - vhost gone"};
  REQUIRE(test::eventually(loop, [&] { return kept.vain == 6; }));
  CHECK(kept.keeper.refusal()->login);
  broker.login.reset();
  REQUIRE(test::eventually(loop, [&] { return kept.ups == 2; }));
}

TEST_CASE("what is not confirmed in time is published again on a new connection, once") {
  test::LogCapture log;
  asio::io_context loop;
  FakeBroker broker(loop);
  broker.confirms = false;
  ConnectionSettings settings = settings_for({&broker});
  settings.confirm_limit = milliseconds(2000);
  Publishing publishing(loop, settings, milliseconds(100));  // shorter: it may have arrived
  REQUIRE(publishing.wait_up());
  publishing.publish(message_to("q", "one"));
  REQUIRE(test::eventually(loop, [&] { return broker.published.size() == 1; }));
  CHECK(publishing.answers.empty());
  broker.confirms = true;
  REQUIRE(test::eventually(loop, [&] { return !publishing.answers.empty(); }));
  CHECK(publishing.answers == std::vector<std::string>{""});
  REQUIRE(broker.published.size() == 2);
  CHECK(broker.published[0].connection == 1);
  CHECK(broker.published[1].connection == 2);
  CHECK(broker.published[1].message_id == "one");
  CHECK(broker.published[1].body == "body of one");
  CHECK(log.lines("no confirm").size() == 1);
}

TEST_CASE("a broker that never confirms is not waited for for ever") {
  test::LogCapture log;
  asio::io_context loop;
  FakeBroker broker(loop);
  broker.confirms = false;
  ConnectionSettings settings = settings_for({&broker});
  settings.confirm_limit = milliseconds(300);
  Publishing publishing(loop, settings, milliseconds(1000));
  REQUIRE(publishing.wait_up());
  publishing.publish(message_to("q", "one"));
  REQUIRE(test::eventually(loop, [&] { return !publishing.answers.empty(); }));
  CHECK(publishing.answers.front().find("did not confirm") != std::string::npos);
}

TEST_CASE("a publish that the broker's end of the connection cut off is published again") {
  asio::io_context loop;
  FakeBroker broker(loop);
  broker.confirms = false;
  Publishing publishing(loop, settings_for({&broker}), seconds(30));
  REQUIRE(publishing.wait_up());
  for (const char* id : {"one", "two", "three"}) publishing.publish(message_to("q", id));
  REQUIRE(test::eventually(loop, [&] { return broker.published.size() == 3; }));
  broker.confirms = true;
  broker.close_connection({320, "CONNECTION_FORCED - broker forced connection closure"});
  REQUIRE(test::eventually(loop, [&] { return publishing.answers.size() == 3; }));
  CHECK(publishing.answers == std::vector<std::string>(3));
  REQUIRE(broker.published.size() == 6);
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(broker.published[3 + i].message_id == broker.published[i].message_id);
}

TEST_CASE("a blocked broker gets nothing; what may wait waits, the rest loses its patience") {
  test::LogCapture log;
  asio::io_context loop;
  FakeBroker broker(loop);
  ConnectionSettings settings = settings_for({&broker});
  settings.confirm_limit = milliseconds(3000);  // no confirm is expected of who does not read
  Publishing waiting(loop, settings, milliseconds(300));
  REQUIRE(waiting.wait_up());
  waiting.publisher.hold_while_blocked();
  broker.block("low on memory");
  REQUIRE(test::eventually(loop, [&] { return waiting.publisher.blocked().has_value(); }));
  CHECK(*waiting.publisher.blocked() == "low on memory");
  waiting.publish(message_to("q", "held"));
  Answer copy;
  bool answered = false;
  asio::co_spawn(loop, waiting.publisher.send(message_to("q", "copy")),
                 [&](std::exception_ptr, Answer answer) {
                   copy = std::move(answer);
                   answered = true;
                 });
  REQUIRE(test::eventually(loop, [&] { return answered; }));
  CHECK(!copy.ok());
  CHECK(waiting.answers.empty());
  CHECK(broker.published.empty());
  CHECK(log.lines("WARN").size() == 1);
  CHECK(log.lines("low on memory").size() == 1);
  broker.unblock();
  REQUIRE(test::eventually(loop, [&] { return !waiting.answers.empty(); }));
  CHECK(waiting.answers.front().empty());
  CHECK(!waiting.publisher.blocked());
  REQUIRE(broker.published.size() == 1);
  CHECK(broker.published[0].message_id == "held");
  CHECK(broker.connections == 1);
}

TEST_CASE("whoever wants a queue of a blocked broker loses patience, too") {
  test::LogCapture log;
  asio::io_context loop;
  FakeBroker broker(loop);
  broker.beats = true;  // it lives
  Publishing publishing(loop, settings_for({&broker}), milliseconds(100));
  REQUIRE(publishing.wait_up());
  broker.block("low on memory");
  REQUIRE(test::eventually(loop, [&] { return publishing.publisher.blocked().has_value(); }));
  broker.reads = false;
  const auto declare = [&](std::optional<Answer>& to) {
    DeclareQueue queue;
    queue.name = "rbit.retry.q.60000";
    asio::co_spawn(loop, publishing.publisher.declare(queue),
                   [&](std::exception_ptr, Answer answer) { to = std::move(answer); });
  };
  std::optional<Answer> answer;
  declare(answer);
  CHECK(test::eventually(loop, [&] { return answer.has_value(); }));
  broker.reads = true;
  broker.unblock();
  REQUIRE(test::eventually(loop, [&] { return answer.has_value(); }));
  REQUIRE(!answer->ok());
  CHECK(answer->refusal->code == lost);

  REQUIRE(test::eventually(loop, [&] { return !publishing.publisher.blocked(); }));
  std::optional<Answer> later;
  declare(later);
  REQUIRE(test::eventually(loop, [&] { return later.has_value(); }));
  CHECK(later->ok());
  CHECK(broker.connections == 1);
}

TEST_CASE("after a while the next host is tried, if there is one, and what waited goes there") {
  test::LogCapture log;
  asio::io_context loop;
  FakeBroker first(loop), second(loop);
  ConnectionSettings settings = settings_for({&first, &second});
  settings.blocked_limit = milliseconds(200);
  Publishing publishing(loop, settings, seconds(30));
  REQUIRE(publishing.wait_up());
  FakeBroker& blocked = first.connections == 1 ? first : second;
  FakeBroker& other = first.connections == 1 ? second : first;
  blocked.block("low on disk");
  REQUIRE(test::eventually(loop, [&] { return publishing.publisher.blocked().has_value(); }));
  publishing.publish(message_to("q", "one"));
  REQUIRE(test::eventually(loop, [&] { return !publishing.answers.empty(); }));
  CHECK(publishing.answers.front().empty());
  CHECK(blocked.published.empty());
  CHECK(other.published.size() == 1);
  CHECK(!publishing.publisher.blocked());

  FakeBroker lonely(loop);  // with one host alone there is nowhere to go
  ConnectionSettings alone = settings_for({&lonely});
  alone.blocked_limit = milliseconds(50);
  Publishing there(loop, alone, milliseconds(600));
  REQUIRE(there.wait_up());
  lonely.block("low on disk");
  REQUIRE(test::eventually(loop, [&] { return there.publisher.blocked().has_value(); }));
  there.publish(message_to("q", "two"));
  REQUIRE(test::eventually(loop, [&] { return !there.answers.empty(); }));
  CHECK(!there.answers.front().empty());
  CHECK(lonely.connections == 1);
}

TEST_CASE("a broker that closes every channel we publish on is left after five") {
  test::LogCapture log;
  asio::io_context loop;
  FakeBroker broker(loop);
  broker.refuses = [](const std::string&, const std::string&) {
    return FakeBroker::Closing{504, "CHANNEL_ERROR - a bad day"};
  };
  Publishing publishing(loop, settings_for({&broker}), milliseconds(1500));
  int round = 0;
  REQUIRE(test::eventually(loop, [&] {
    if (publishing.answers.size() == std::size_t(round))
      publishing.publish(message_to("q", std::to_string(round++)));
    return broker.connections >= 2;
  }));
  CHECK(round <= 4);  // each was tried twice, and alone the second time
}
