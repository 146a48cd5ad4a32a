#include "rbit/report/publication_sink.h"

#include <doctest/doctest.h>

#include <map>

#include "rbit/report/outbox.h"
#include "tests/support/log_capture.h"
#include "tests/support/loop.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_outbox.h"

using namespace rbit;
using namespace std::chrono_literals;

namespace {

/// A broker that refuses by routing key.
struct Broker {
  std::map<std::string, amqp::Refusal> refusals;
  std::vector<amqp::Outgoing> taken;

  PublicationSink::Publish publish() {
    return [this](amqp::Outgoing message) { return answer(std::move(message)); };
  }
  Task<amqp::Answer> answer(amqp::Outgoing message) {
    amqp::Answer said;
    const auto refusal = refusals.find(message.routing_key);
    if (refusal != refusals.end())
      said.refusal = refusal->second;
    else
      taken.push_back(std::move(message));
    co_return said;
  }
};

Report row(const std::string& job, const std::string& exchange, const std::string& key) {
  Report report;
  report.target = publication_target;
  report.job_key = "key-" + job;
  report.job_id = job;
  report.attempt = 2;
  report.seq = 5;
  report.message = exchange + ":" + key;
  report.carried.exchange = exchange;
  report.carried.routing_key = key;
  report.carried.message_id = "key-" + job + ":2:5";
  report.carried.headers["x-kind"] = std::string("a");
  report.carried.body = Body("body of " + job);
  return report;
}

struct Sink {
  Broker broker;
  PublicationSink sink{broker.publish()};
  asio::io_context loop;
  log::Settings settings;

  SinkAnswer send(const Report& report) { return test::run(loop, sink.send(report)); }
};

}  // namespace

TEST_CASE("a row goes out as the message it is") {
  Sink house;
  CHECK(house.send(row("36", "orders", "new")).kind == SinkAnswer::Kind::sent);
  REQUIRE(house.broker.taken.size() == 1);
  const amqp::Outgoing& message = house.broker.taken[0];
  CHECK(message.exchange == "orders");
  CHECK(message.routing_key == "new");
  CHECK(message.message_id == "key-36:2:5");
  CHECK(message.persistent);
  CHECK(message.body == "body of 36");
  CHECK(message.headers.at("x-kind") == HeaderValue(std::string("a")));
  Report any;
  CHECK_FALSE(house.sink.as_target().wants(any));
}

TEST_CASE("a destination that refuses is told once, with the cure, and told again when it takes") {
  log::Settings settings;
  const test::LogCapture log(settings);
  Sink house;
  for (const auto& [code, said] : std::map<int, std::string>{
           {amqp::no_route, "NO_ROUTE (bind a queue to exchange e for the key k)"},
           {amqp::not_found, "NOT_FOUND (declare the exchange e)"},
           {amqp::access_refused, "(give rbit's user the right to write to exchange e)"},
           {amqp::nacked, "(look whether the queue is full)"},
           {amqp::precondition_failed, "PRECONDITION"}}) {
    house.broker.refusals["k"] = {code, said.substr(0, said.find(" ("))};
    CHECK(house.send(row("36", "e", "k")).kind == SinkAnswer::Kind::later);
    CHECK(house.send(row("37", "e", "k")).kind == SinkAnswer::Kind::later);
    house.broker.refusals.clear();
    CHECK(house.send(row("36", "e", "k")).kind == SinkAnswer::Kind::sent);
    CHECK_MESSAGE(log.lines(said).size() > 0, said);
  }
  CHECK(log.lines("job 36: its message to e:k waits, and so do all to there: ").size() > 0);
  CHECK(log.lines("job 37").empty());
  CHECK(log.lines("messages to e:k are taken again").size() > 0);
}

TEST_CASE("what is never to be sent is dropped; a broker that is away is waited for") {
  log::Settings settings;
  const test::LogCapture log(settings);
  Sink house;
  house.broker.refusals["k"] = {amqp::unsendable, "the message is too large"};
  SinkAnswer answer = house.send(row("36", "", "k"));
  CHECK(answer.kind == SinkAnswer::Kind::dropped);
  CHECK(answer.is_said);
  house.broker.refusals["k"] = {amqp::lost, "no connection so far"};
  CHECK(house.send(row("36", "", "k")).kind == SinkAnswer::Kind::retry);
  house.broker.refusals["k"] = {amqp::no_route, "NO_ROUTE"};
  Report reply = row("36", "", "k");
  reply.reason = "reply";
  answer = house.send(reply);
  CHECK(answer.kind == SinkAnswer::Kind::dropped);
  CHECK(answer.is_said);
  house.broker.refusals["k"] = {amqp::access_refused, "ACCESS_REFUSED"};
  CHECK(house.send(reply).kind == SinkAnswer::Kind::later);
  CHECK(log.lines("can never be sent, and is dropped: the message is too large").size() > 0);
  CHECK(log.lines("nobody waits for its answer at :k any more").size() > 0);
}

TEST_CASE("a bad destination holds nobody up, and is tried for ever with growing pauses") {
  asio::io_context loop;
  test::ManualClock clock;
  test::MemoryOutbox journal;
  Broker broker;
  Outbox outbox(loop.get_executor(), journal, clock);
  outbox.add(std::make_unique<PublicationSink>(broker.publish()));
  broker.refusals["bad"] = {amqp::not_found, "NOT_FOUND"};
  const auto put = [&](const std::string& job, const std::string& key) {
    Report one = row(job, "e", key);
    one.time = to_micros(clock.wall());
    journal.put(one);
  };
  const auto turn = [&] {
    loop.restart();
    loop.poll();
  };
  for (int i = 0; i < 200; ++i) put("bad-" + std::to_string(i), "bad");
  outbox.start();
  turn();
  for (int second = 0; second < 60; ++second) {
    put("good-" + std::to_string(second), "good");
    outbox.wake();
    turn();
    CHECK(broker.taken.size() == static_cast<std::size_t>(second) + 1);  // at once
    clock.advance(1s);
    turn();
  }
  CHECK(outbox.states().front().kind == TargetState::Kind::up);
  const auto tries = [&] { return outbox.states().front().failed; };
  for (int day = 0; day < 9; ++day) {
    clock.advance(24h);
    outbox.wake();
    turn();
  }
  CHECK(journal.dropped.empty());
  const auto before = tries();
  clock.advance(60s);
  outbox.wake();
  turn();
  CHECK(tries() - before < 200);  // five minutes apart by now
  broker.refusals.clear();
  clock.advance(6min);
  outbox.wake();
  for (int i = 0; i < 100; ++i) turn();
  CHECK(journal.reports_waiting() == 0);
  test::run(loop, outbox.close());
  turn();
}
