// Channels and consumers that a broker ends (rbit/doc/traps.rst, broker-trouble), played.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/unit/intake/played_broker.h"

using namespace rbit;
using std::chrono::milliseconds;
using test::FakeBroker;
using test::Played;
using Closing = FakeBroker::Closing;

TEST_CASE("a consumer that the broker cancels: all its tags are given back, it consumes anew") {
  Played played({"q"});
  played.intake.start();
  REQUIRE(played.consuming("q"));
  FakeBroker::Consumer first = *played.broker.consumer("q");
  for (const std::uint64_t tag : {1, 2, 3}) played.broker.deliver(first, tag, "job");
  REQUIRE(played.intake.wait_for(3));
  CHECK(played.intake.settle(1));  // the second one: its tag is settled already
  REQUIRE(played.until([&] { return played.broker.acked == std::vector<std::uint64_t>{2}; }));
  played.broker.cancel(first);
  REQUIRE(played.until([&] { return played.consumers_of("q") >= 2; }));
  CHECK(played.broker.acked == std::vector<std::uint64_t>{2});
  CHECK(played.broker.requeued == std::vector<std::uint64_t>{1, 3});
  CHECK(played.broker.connections == 1);
  // The jobs go on; what they say at their end reaches nobody, and least of all the new channel.
  REQUIRE(played.intake.held.size() == 2);
  CHECK(played.intake.held[0]->is_void());
  CHECK(!played.intake.settle(0));
  CHECK(!played.intake.settle(0, Settlement::requeue()));
  const FakeBroker::Consumer second = *played.broker.consumer("q");
  CHECK(second.channel != first.channel);
  played.broker.deliver(second, 1, "again");
  REQUIRE(played.intake.wait_for(4));
  CHECK(played.intake.settle());
  REQUIRE(played.until([&] { return played.broker.acked.size() == 2; }));
  CHECK(played.broker.acked.back() == 1);
  CHECK(played.intake.transport->counters().stale == 2);
}

TEST_CASE("a queue we may not consume is tried again alone, ever more seldom, with one ERROR") {
  Played played({"ours", "theirs"});
  int asked = 0;
  played.broker.refuses = [&](const std::string& what, const std::string& name) {
    if (what != "consume" || name != "theirs") return std::optional<Closing>();
    ++asked;
    return asked > 3 ? std::optional<Closing>() : Closing{403, "ACCESS_REFUSED - no read access"};
  };
  const auto begun = std::chrono::steady_clock::now();
  played.intake.start();
  REQUIRE(played.consuming("ours"));
  REQUIRE(played.until([&] { return asked == 3; }));
  CHECK(std::chrono::steady_clock::now() - begun >= milliseconds(40));  // 20 and 40, if it is quick
  CHECK(played.trouble("theirs").find("no read access") != std::string::npos);
  CHECK(played.log.lines("set_permissions").size() == 1);
  CHECK(played.trouble("ours").empty());
  CHECK(played.log.lines("ERROR").size() == 1);
  REQUIRE(played.consuming("theirs"));
  CHECK(played.consumers_of("ours") == 1);
  CHECK(played.broker.connections == 1);
}

TEST_CASE("a missing queue is tried again, alone, where others declare it") {
  for (const auto declare : {Topology::Declare::no, Topology::Declare::passive}) {
    Played played({"here", "missing"}, 4, declare);
    bool there = false;
    const std::string asked = declare == Topology::Declare::no ? "consume" : "declare";
    played.broker.refuses = [&](const std::string& what, const std::string& name) {
      return !there && what == asked && name == "missing"
                 ? std::optional<Closing>({404, "NOT_FOUND - no queue 'missing'"})
                 : std::nullopt;
    };
    played.intake.start();
    REQUIRE(played.consuming("here"));
    REQUIRE(played.until([&] { return !played.trouble("missing").empty(); }));
    there = true;
    REQUIRE(played.consuming("missing"));
    CHECK(played.consumers_of("here") == 1);
    CHECK(played.broker.connections == 1);
    CHECK(played.log.lines("queue missing cannot be read").size() == 1);
  }
}

TEST_CASE("a queue with other arguments is looked at, used, never deleted, and said with both") {
  Played played({"q"});
  int declared = 0;
  played.broker.refuses = [&](const std::string& what, const std::string&) {
    const bool first = what == "declare" && ++declared == 1;
    return first ? std::optional<Closing>({406,
                                           "PRECONDITION_FAILED - inequivalent arg 'durable' for "
                                           "queue 'q' in vhost '/': received 'true' but current "
                                           "is 'false'"})
                 : std::nullopt;
  };
  played.intake.start();
  REQUIRE(played.consuming("q"));
  CHECK(declared == 2);
  const auto said = played.log.lines("received 'true' but current is 'false'");
  REQUIRE(said.size() == 1);
  CHECK(said.front().find("PyBit's (durable, none)") != std::string::npos);
}

TEST_CASE(
    "a channel that is closed for another reason comes back; five of them: a new connection, of "
    "that queue alone") {
  Played played({"a", "b"});
  played.intake.start();
  REQUIRE(played.consuming("b"));
  for (int round = 1; round <= 5; ++round) {
    REQUIRE(played.consuming("a"));
    CHECK(played.broker.connections == 1);
    const int before = played.consumers_of("a");
    played.broker.close_channel(played.broker.consumer("a")->channel, {504, "CHANNEL_ERROR"});
    REQUIRE(played.until([&] { return played.consumers_of("a") > before; }));
  }
  CHECK(played.broker.connections == 2);
  CHECK(played.broker.consumer("a")->connection == 2);
  CHECK(played.consumers_of("b") == 1);
  CHECK(played.log.lines("closed five times").size() == 1);
  CHECK(played.hopeless.empty());
}

TEST_CASE("the queues of the others are not touched when a channel is closed 406 for a tag") {
  Played played({"a", "b"});
  played.intake.start();
  REQUIRE(played.consuming("a"));
  REQUIRE(played.consuming("b"));
  for (int round = 1; round <= 7; ++round) {
    const int before = played.consumers_of("a");
    played.broker.close_channel(played.broker.consumer("a")->channel,
                                {406, "PRECONDITION_FAILED - unknown delivery tag 9"});
    REQUIRE(played.until([&] { return played.consumers_of("a") > before; }));
  }
  CHECK(played.consumers_of("b") == 1);
  CHECK(played.broker.connections == 1);
}

TEST_CASE("a broker that speaks another protocol is beyond hope, and the app hears of it") {
  Played played({"q"});
  played.broker.opened = Closing{505, "UNEXPECTED_FRAME"};
  played.intake.start();
  REQUIRE(played.until([&] { return !played.hopeless.empty(); }));
  CHECK(played.broker.connections == 5);
  CHECK(played.hopeless.find("UNEXPECTED_FRAME") != std::string::npos);
  CHECK(played.hopeless.find(played.broker.endpoint().text()) != std::string::npos);
}

TEST_CASE("a virtual host that may have no more queues: said as that, and tried until it may") {
  AmqpTransportSettings settings = Played::settings(Topology::Declare::yes);
  settings.connection.limit_pause = milliseconds(20);
  Played played({"old", "new"}, 4, settings);
  int asked = 0;
  bool full = true;
  played.broker.refuses = [&](const std::string& what, const std::string& name) {
    if (what != "declare" || name != "new" || !full) return std::optional<Closing>();
    ++asked;
    return std::optional<Closing>({406,
                                   "PRECONDITION_FAILED - cannot declare queue 'new': queue limit "
                                   "in vhost '/' (1) is reached",
                                   50, 10});
  };
  played.intake.start();
  REQUIRE(played.consuming("old"));
  REQUIRE(played.until([&] { return asked >= 3; }));
  CHECK(played.trouble("new").find("(1) is reached (delete queues") != std::string::npos);
  CHECK(played.log.lines("other arguments").empty());
  CHECK(played.log.lines("queue new cannot be read").size() == 1);
  CHECK(played.log.lines("set_vhost_limits").size() == 1);
  CHECK(played.log.lines("consuming from 1 of 2 queues").size() == 1);
  full = false;
  REQUIRE(played.consuming("new"));
  REQUIRE(played.until([&] { return played.trouble("new").empty(); }));
  CHECK(played.log.lines("queue new is read again").size() == 1);
  CHECK(played.log.lines("consuming from").size() == 1);
  CHECK(played.broker.connections == 1);
}

TEST_CASE("without a connection no queue is read, which is told with the reason and the cure") {
  AmqpTransportSettings settings = Played::settings(Topology::Declare::yes);
  settings.connection.limit_pause = milliseconds(20);
  Played played({"a", "b"}, 4, settings);
  played.broker.login = Closing{530,
                                "NOT_ALLOWED - access to vhost '/' refused for user 'guest': "
                                "connection limit (0) is reached"};
  const milliseconds none(0);
  const auto& transport = *played.intake.transport;
  played.intake.start();
  CHECK(transport.troubles(none).at("a").find("not connected: no answer from") == 0);
  REQUIRE(played.until([&] { return played.broker.refused >= 3; }));
  for (const char* name : {"a", "b"}) {
    const std::string why = transport.troubles(none).at(name);
    CHECK(why.find("not connected: ") == 0);
    CHECK(why.find("connection limit (0) is reached") != std::string::npos);
    CHECK(why.find("set_vhost_limits") != std::string::npos);
  }
  CHECK(transport.troubles(std::chrono::hours(1)).empty());
  played.broker.login.reset();
  REQUIRE(played.until([&] { return transport.troubles(none).empty(); }));
  CHECK(played.consuming("a"));
  played.broker.login = Closing{320, "CONNECTION_FORCED - maintenance"};
  played.broker.drop();
  REQUIRE(played.until([&] { return transport.troubles(none).size() == 2; }));
  played.broker.login.reset();
  REQUIRE(played.until([&] { return transport.troubles(none).empty(); }));
}
