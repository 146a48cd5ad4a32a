// One queue's refusal, or its unreadable message, took the whole program along.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/intake/played_broker.h"

using namespace rbit;
using std::chrono::milliseconds;
using test::FakeBroker;
using test::Played;
using Closing = FakeBroker::Closing;

namespace {

constexpr int basic = 60, consume = 20, get = 70;

std::vector<std::string> numbered(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back("q" + std::to_string(i));
  return names;
}

}  // namespace

TEST_CASE("a message that cannot be read sets its queue aside, and the others go on") {
  Played played({"bad", "good"});
  played.intake.start();
  std::set<std::pair<int, std::string>> spoilt;
  bool spoils = true;
  // Whoever consumes the bad queue gets it at once.
  const auto spoil = [&] {
    for (const FakeBroker::Consumer& one : std::vector(played.broker.consumers))
      if (spoils && one.queue == "bad" && spoilt.insert({one.connection, one.tag}).second)
        played.broker.deliver_garbled(one, 1);
    return spoilt.size();
  };
  REQUIRE(played.consuming("good"));
  REQUIRE(played.until([&] { return spoil() == 1 && played.broker.connections >= 2; }));
  REQUIRE(played.until([&] { return spoil() >= 4; }));  // it is tried again
  REQUIRE(played.until([&] { return played.consumers_of("good") == 2; }));
  CHECK(played.trouble("bad").find("basic.deliver: a message of it cannot be read") == 0);
  CHECK(played.trouble("good").empty());
  CHECK(played.log.lines("queue bad cannot be read").size() == 1);
  CHECK(played.hopeless.empty());
  // The good one has noticed the first time only.
  const FakeBroker::Consumer good = *played.broker.consumer("good");
  played.broker.deliver(good, 7, "job");
  REQUIRE(played.until([&] {
    spoil();
    return played.intake.arrived.size() == 1;
  }));
  CHECK(played.intake.settle());
  CHECK(played.consumers_of("good") == 2);
  spoils = false;  // somebody took the message away
  REQUIRE(played.until([&] { return played.trouble("bad").empty(); }));
  CHECK(played.log.lines("queue bad is read again").size() == 1);
  CHECK(played.consumers_of("good") == 2);
  const FakeBroker::Consumer bad = *played.broker.consumer("bad");
  CHECK(bad.connection != good.connection);
  played.broker.deliver(bad, 3, "another");
  REQUIRE(played.intake.wait_for(2));
  CHECK(played.intake.settle());
}

TEST_CASE("more than five messages that cannot be read are no reason to give up") {
  Played played({"one"});
  played.intake.start();
  std::set<std::pair<int, std::string>> spoilt;
  REQUIRE(played.until([&] {
    for (const FakeBroker::Consumer& one : std::vector(played.broker.consumers))
      if (spoilt.insert({one.connection, one.tag}).second) played.broker.deliver_garbled(one, 1);
    return spoilt.size() >= 7;
  }));
  CHECK(played.hopeless.empty());
}

TEST_CASE("a queue that nothing can be got from is consumed") {
  for (const bool polls : {false, true}) {
    CAPTURE(polls);
    AmqpTransportSettings settings = Played::settings(Topology::Declare::yes);
    if (polls) settings.poll_time = milliseconds(20);
    Played played({"single", "other"}, 4, settings);
    int asked = 0;
    played.broker.refuses = [&](const std::string& what, const std::string& name) {
      if (what != "get" || name != "single") return std::optional<Closing>();
      ++asked;
      return std::optional<Closing>(
          {405,
           "RESOURCE_LOCKED - cannot obtain access to locked queue 'single' in vhost '/'. "
           "basic.get operations are not supported by quorum queues with single active consumer",
           basic, get});
    };
    played.intake.start();
    REQUIRE(played.consuming("single"));
    played.broker.deliver(*played.broker.consumer("single"), 1, "job");
    REQUIRE(played.intake.wait_for(1));
    CHECK(played.intake.settle());
    CHECK(asked == 1);
    CHECK(played.trouble("single").empty());
    CHECK(played.broker.connections == 1);
    CHECK(played.log.lines("WARN").empty());
  }
}

TEST_CASE("a stream is named as one, and the others are read") {
  Played played({"stream", "other"}, 4, Topology::Declare::no);
  played.broker.refuses = [&](const std::string& what, const std::string& name) {
    return what == "get" && name == "stream"
               ? std::optional<Closing>({540,
                                         "NOT_IMPLEMENTED - basic.get not supported by stream "
                                         "queues queue 'stream' in vhost '/'",
                                         basic, get, true})
               : std::nullopt;
  };
  played.intake.start();
  REQUIRE(played.until([&] { return played.broker.connections >= 4; }));
  REQUIRE(played.consuming("other"));
  CHECK(played.trouble("stream").find("basic.get: it is a stream") == 0);
  CHECK(played.trouble("other").empty());
  CHECK(played.consumers_of("stream") == 0);
  CHECK(played.broker.consumer("other")->connection <= 3);
  CHECK(played.log.lines("queue stream cannot be read").size() == 1);
}

TEST_CASE("a stream that was declared otherwise ends nothing") {
  Played played({"stream", "other"});
  played.broker.refuses = [&](const std::string& what, const std::string& name) {
    return what == "declare" && name == "stream"
               ? std::optional<Closing>({406,
                                         "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' "
                                         "for queue 'stream' in vhost '/': received none but "
                                         "current is the value 'stream' of type 'longstr'"})
               : std::nullopt;
  };
  played.intake.start();
  REQUIRE(played.consuming("other"));
  REQUIRE(played.until([&] { return !played.trouble("stream").empty(); }));
  CHECK(played.trouble("stream").find("it is a stream") != std::string::npos);
  CHECK(played.broker.connections == 1);
}

TEST_CASE("a get that ends the connection is not tried again, the queue is consumed") {
  Played played({"odd", "other"}, 4, Topology::Declare::no);
  int gets = 0;
  played.broker.refuses = [&](const std::string& what, const std::string& name) {
    if (what != "get" || name != "odd") return std::optional<Closing>();
    ++gets;
    return std::optional<Closing>({540, "NOT_IMPLEMENTED - no get here", basic, get, true});
  };
  played.intake.start();
  REQUIRE(played.consuming("odd"));
  REQUIRE(played.consuming("other"));
  CHECK(gets == 1);
  CHECK(played.broker.connections == 3);  // the second of all, and the queue's own
  REQUIRE(played.until([&] { return played.trouble("odd").empty(); }));
}

TEST_CASE("a consumer that ends the connection is tried alone, with the code and without") {
  for (const int named : {basic, 0}) {
    CAPTURE(named);
    Played played({"deadly", "a", "b"}, 4, Topology::Declare::no);
    int deaths = 0;
    played.broker.refuses = [&](const std::string& what, const std::string& name) {
      if (what != "consume" || name != "deadly" || deaths >= 4) return std::optional<Closing>();
      ++deaths;
      return std::optional<Closing>({541, "INTERNAL_ERROR", named, named == 0 ? 0 : consume, true});
    };
    played.intake.start();
    REQUIRE(played.until([&] { return deaths >= 3; }));
    const auto is_back = [&](const std::string& queue) {  // on a connection after the first
      return std::any_of(played.broker.consumers.begin(), played.broker.consumers.end(),
                         [&](const auto& one) { return one.queue == queue && one.connection > 1; });
    };
    REQUIRE(played.until([&] { return is_back("a") && is_back("b"); }));
    CHECK(played.trouble("deadly").find("INTERNAL_ERROR") != std::string::npos);
    const int before = played.consumers_of("a") + played.consumers_of("b");
    REQUIRE(played.consuming("deadly"));
    REQUIRE(played.until([&] { return played.intake.transport->troubles().empty(); }));
    CHECK(played.consumers_of("a") + played.consumers_of("b") == before);
    CHECK(played.hopeless.empty());
  }
}

TEST_CASE("fewer channels than queues: they share, and each gets what is its own") {
  for (const int allowed : {2, 3, 8}) {
    CAPTURE(allowed);
    Played played(numbered(20), 100);
    played.broker.channel_max = static_cast<std::uint16_t>(allowed);
    played.intake.start();
    for (const std::string& name : played.intake.queues) {
      REQUIRE(played.consuming(name));
      played.broker.deliver(*played.broker.consumer(name), 1, "for " + name);
    }
    REQUIRE(played.intake.wait_for(20));
    for (const auto& delivery : played.intake.held)
      CHECK(delivery->message().body == "for " + delivery->message().queue);
    CHECK(played.broker.connections == 1);
    CHECK(played.intake.transport->troubles().empty());
    CHECK(played.broker.channels() < allowed);
    while (!played.intake.held.empty()) CHECK(played.intake.settle());
  }
}

TEST_CASE("a queue that is refused on a channel of several is tried alone, and they go on") {
  Played played(numbered(20), 100, Topology::Declare::no);
  played.broker.channel_max = 8;
  std::map<std::string, int> asked;
  bool refuses = true;
  played.broker.refuses = [&](const std::string& what, const std::string& name) {
    if (what == "consume") ++asked[name];
    return refuses && what == "consume" && (name == "q7" || name == "q8")
               ? std::optional<Closing>(
                     {404, "NOT_FOUND - no queue '" + name + "' in vhost '/'", basic, consume})
               : std::nullopt;
  };
  played.intake.start();
  for (const std::string& name : played.intake.queues)
    if (name != "q7" && name != "q8") REQUIRE(played.consuming(name));
  REQUIRE(played.until([&] { return asked["q7"] >= 3 && asked["q8"] >= 3; }));
  const auto troubles = played.intake.transport->troubles();
  CHECK(troubles.size() == 2);
  CHECK(troubles.contains("q7"));
  CHECK(troubles.contains("q8"));
  const auto before = asked;
  REQUIRE(played.until(
      [&] { return asked["q7"] >= before.at("q7") + 2 && asked["q8"] >= before.at("q8") + 2; }));
  for (const auto& [name, count] : asked)
    if (name != "q7" && name != "q8") CHECK(count == before.at(name));
  refuses = false;
  REQUIRE(played.until([&] { return played.intake.transport->troubles().empty(); }));
  CHECK(played.broker.connections == 1);
}

TEST_CASE("a broker that finds each consumer late at once is asked ever more seldom") {
  using SteadyClock = std::chrono::steady_clock;
  Played played({"late"});
  std::vector<SteadyClock::time_point> asked;
  played.broker.refuses = [&](const std::string& what, const std::string&) {
    if (what != "consume") return std::optional<Closing>();
    asked.push_back(SteadyClock::now());
    return std::optional<Closing>({406,
                                   "PRECONDITION_FAILED - delivery acknowledgement on channel 1 "
                                   "timed out. Timeout value used: 1800000 ms.",
                                   0, 0});
  };
  played.intake.start();
  REQUIRE(played.until([&] { return asked.size() >= 5; }));
  // 20, 40, 80 and 160 ms; a try that itself takes longer than its pause begins them anew.
  CHECK(asked[4] - asked[0] >= milliseconds(80));
}

TEST_CASE("a user's limit of channels is learned, and the queues share what is left") {
  AmqpTransportSettings settings = Played::settings(Topology::Declare::no);
  settings.connection.limit_pause = milliseconds(20);
  Played played(numbered(20), 100, settings);
  played.broker.most_channels = 9;
  played.intake.start();
  REQUIRE(played.until([&] { return played.broker.connections == 2; }));
  for (const std::string& name : played.intake.queues)
    REQUIRE(played.until([&] {
      const auto* one = played.broker.consumer(name);
      return one != nullptr && one->connection == 2;
    }));
  CHECK(played.broker.connections == 2);
  CHECK(played.intake.transport->troubles().empty());
  CHECK(played.log.lines("allows us no more channels").size() == 1);
}
