// Several hosts, dead ones among them, and connections that lead into a black hole.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <netdb.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "rbit/amqp/connection.h"
#include "rbit/amqp/keeper.h"
#include "tests/support/broker.h"
#include "tests/support/fake_broker.h"
#include "tests/support/log_capture.h"
#include "tests/support/loop.h"

namespace {
constexpr const char* hanging_name = "hangs.rbit.test";
constexpr unsigned hangs_for = 20;  // seconds; more than the 5 s that rbit waits
}  // namespace

/// The resolver of this program: the system's, but for one name that hangs.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                           addrinfo** result) {
  using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto real = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  const bool numeric = hints && (hints->ai_flags & AI_NUMERICHOST) != 0;
  if (node && std::strcmp(node, hanging_name) == 0 && !numeric) {
    ::sleep(hangs_for);
    return EAI_AGAIN;
  }
  return real(node, service, hints, result);
}

using namespace rbit;
using namespace rbit::amqp;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::FakeBroker;
using Time = std::chrono::steady_clock::time_point;

namespace {

/// A port that takes no connection and refuses none: its queue of them is full.
class DeadHost {
 public:
  DeadHost() : acceptor_(loop_) {
    acceptor_.open(asio::ip::tcp::v4());
    acceptor_.bind({asio::ip::address_v4::loopback(), 0});
    acceptor_.listen(0);
    for (int i = 0; i < 3; ++i) {
      fill_.emplace_back(loop_);
      fill_.back().open(asio::ip::tcp::v4());
      fill_.back().non_blocking(true);
      const auto full = acceptor_.local_endpoint();
      // Asio's own connect would wait for what never comes.
      ::connect(fill_.back().native_handle(), full.data(), static_cast<socklen_t>(full.size()));
    }
  }
  Endpoint endpoint() const { return {"127.0.0.1", acceptor_.local_endpoint().port()}; }

 private:
  asio::io_context loop_;
  asio::ip::tcp::acceptor acceptor_;
  std::vector<asio::ip::tcp::socket> fill_;
};

ConnectionSettings settings_for(std::vector<Endpoint> endpoints) {
  ConnectionSettings settings;
  settings.endpoints = std::move(endpoints);
  settings.heartbeat = seconds(5);
  return settings;
}

/// A connection and when it was open, refused or over.
struct Watched {
  Watched(asio::io_context& its_loop, const ConnectionSettings& settings)
      : loop(its_loop),
        connection(std::make_shared<Connection>(loop.get_executor(), settings)),
        begun(std::chrono::steady_clock::now()) {
    asio::co_spawn(loop, connection->open(), [this](std::exception_ptr, Answer answer) {
      opened = answer.ok();
      refusal = answer.refusal;
      answered = std::chrono::steady_clock::now();
      Connection::Events events;
      events.closed = [this](const Refusal& why) {
        refusal = why;
        closed = true;
        over = std::chrono::steady_clock::now();
      };
      connection->listen(std::move(events));
    });
  }

  asio::io_context& loop;
  std::shared_ptr<Connection> connection;
  Time begun, answered{}, over{};
  bool opened = false, closed = false;
  std::optional<Refusal> refusal;
};

/// More than the sockets' buffers hold.
void publish_much(Channel& channel) {
  channel.request(SelectConfirms{});
  for (int i = 0; i < 4; ++i) {
    Outgoing message;
    message.routing_key = "q";
    message.body.assign(4u << 20, 'x');
    channel.publish(std::move(message), [](const Answer&) {});
  }
}

}  // namespace

TEST_CASE("the next host is reached 5 s after a dead one, or after a name that hangs") {
  asio::io_context loop;
  FakeBroker broker(loop);
  const DeadHost dead;
  Watched after_dead(loop, settings_for({dead.endpoint(), broker.endpoint()}));
  Watched after_name(loop, settings_for({{hanging_name, 5672}, broker.endpoint()}));
  REQUIRE(test::eventually(
      loop, [&] { return after_dead.answered != Time{} && after_name.answered != Time{}; }));
  for (const Watched* one : {&after_dead, &after_name}) {
    CHECK(one->opened);
    CHECK(one->answered - one->begun >= seconds(4));   // it was tried
    CHECK(one->answered - one->begun <= seconds(14));  // of a machine that is busy, or slow
    CHECK(one->connection->peer() == broker.endpoint().text());
  }
}

TEST_CASE("every host is tried before any pause, in an order of chance") {
  test::LogCapture log;
  std::set<std::string> firsts;
  for (int round = 0; round < 40; ++round) {
    asio::io_context loop;
    FakeBroker one(loop), two(loop);
    ConnectionSettings settings = settings_for({one.endpoint(), {"127.0.0.1", 1}, two.endpoint()});
    settings.backoff_base = settings.backoff_cap = std::chrono::hours(1);
    Keeper keeper(loop.get_executor(), settings, Voice::quiet);
    bool up = false;
    Keeper::Events events;
    events.up = [&](const std::shared_ptr<Connection>& connection) {
      up = true;
      firsts.insert(connection->peer() == one.endpoint().text() ? "one" : "two");
    };
    keeper.start(std::move(events));
    CHECK(test::eventually(
        loop, [&] { return up; }, seconds(20)));
    test::run(loop, keeper.close());
  }
  CHECK(firsts.size() == 2);
}

TEST_CASE("pauses grow until a connection has been well for a while") {
  test::LogCapture log;
  for (const bool counts_as_well : {true, false}) {
    asio::io_context loop;
    FakeBroker broker(loop);
    broker.opened = FakeBroker::Closing{320, "CONNECTION_FORCED"};
    ConnectionSettings settings = settings_for({broker.endpoint()});
    settings.backoff_base = milliseconds(1);
    settings.backoff_cap = seconds(30);
    settings.healthy_after = counts_as_well ? milliseconds(0) : milliseconds(60'000);
    Keeper keeper(loop.get_executor(), settings, Voice::quiet);
    keeper.start({});
    // 25 pauses below 1 ms, or pauses below 1, 2, 4 ... ms, 16 s, 30 s, 30 s ...
    const bool many = test::eventually(
        loop, [&] { return broker.connections >= 25; }, seconds(counts_as_well ? 60 : 3));
    CHECK(many == counts_as_well);
    CHECK(test::eventually(loop, [&] { return broker.connections >= 5; }));
    test::run(loop, keeper.close());
  }
}

TEST_CASE("a black hole is found within two heartbeats and ten seconds, idle or in a publish") {
  // The library's publish can hang for ever on a socket that takes no more.
  constexpr seconds heartbeat(3), limit = 2 * heartbeat + seconds(10);
  asio::io_context loop;
  FakeBroker silent(loop), beating(loop);  // neither reads; the second one sends its heartbeats
  beating.beats = true;
  auto to_silent = settings_for({silent.endpoint()}),
       to_beating = settings_for({beating.endpoint()});
  to_silent.heartbeat = to_beating.heartbeat = heartbeat;
  Watched idle(loop, to_silent), publishing(loop, to_silent), hanging(loop, to_beating);
  const auto all = {&idle, &publishing, &hanging};
  for (const Watched* one : all) REQUIRE(test::eventually(loop, [&] { return one->opened; }));
  silent.reads = beating.reads = false;
  const auto one = publishing.connection->new_channel(), other = hanging.connection->new_channel();
  publish_much(*one);
  publish_much(*other);
  const Time begun = std::chrono::steady_clock::now();
  for (const Watched* each : all) REQUIRE(test::eventually(loop, [&] { return each->closed; }));
  for (const Watched* each : all) {
    MESSAGE("found after ", std::chrono::duration<double>(each->over - begun).count(),
            " s: ", each->refusal->text);
    CHECK(each->over - begun <= limit);
    CHECK(!each->refusal->protocol);
  }
}

TEST_CASE("a heartbeat that the broker lowers counts for the watchdog, too") {
  asio::io_context loop;
  FakeBroker broker(loop);
  broker.beats = true;
  broker.heartbeat = 2;
  auto settings = settings_for({broker.endpoint()});
  settings.heartbeat = seconds(60);
  Watched hanging(loop, settings);
  REQUIRE(test::eventually(loop, [&] { return hanging.opened; }));
  broker.reads = false;
  const auto channel = hanging.connection->new_channel();
  publish_much(*channel);
  const Time begun = std::chrono::steady_clock::now();
  REQUIRE(test::eventually(loop, [&] { return hanging.closed; }));
  CHECK(hanging.over - begun <= seconds(14));
}

TEST_CASE("a connection whose send hangs can be dropped at once") {
  asio::io_context loop;
  FakeBroker broker(loop);
  broker.beats = true;
  auto settings = settings_for({broker.endpoint()});
  settings.heartbeat = seconds(60);
  auto hanging = std::make_unique<Watched>(loop, settings);
  REQUIRE(test::eventually(loop, [&] { return hanging->opened; }));
  broker.reads = false;
  auto channel = hanging->connection->new_channel();
  publish_much(*channel);
  for (int i = 0; i < 20; ++i) loop.run_one_for(milliseconds(50));  // it is in the send now
  const Time begun = std::chrono::steady_clock::now();
  channel.reset();
  hanging.reset();
  CHECK(std::chrono::steady_clock::now() - begun <= seconds(5));
}
