#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/fake_broker.h"
#include "tests/support/log_capture.h"
#include "tests/unit/intake/amqp_intake.h"

namespace rbit::test {

using std::chrono::milliseconds;

/// An intake whose broker is played, on the intake's own loop.
struct Played {
  explicit Played(std::vector<std::string> names, int slots = 4,
                  Topology::Declare declare = Topology::Declare::yes)
      : Played(std::move(names), slots, settings(declare)) {}
  Played(std::vector<std::string> names, int slots, AmqpTransportSettings wanted)
      : intake(wanted, std::move(names), slots), broker(intake.loop) {
    for (const std::string& name : intake.queues) wanted.queues.push_back({name, ""});
    wanted.connection.endpoints = {broker.endpoint()};
    wanted.queue_retry = milliseconds(20);
    intake.transport.emplace(intake.loop.get_executor(), clock, wanted, intake.publisher());
    intake.transport->on_hopeless([this](const Error& why) { hopeless = why.text(); });
  }
  ~Played() { intake.close(); }

  static AmqpTransportSettings settings(Topology::Declare declare) {
    AmqpTransportSettings wanted;
    wanted.connection.heartbeat = std::chrono::seconds(5);
    wanted.connection.backoff_base = wanted.connection.backoff_cap = milliseconds(2);
    wanted.connection.endpoints = {{"127.0.0.1", 1}};  // of the publisher, which is not played
    wanted.declare = declare;
    return wanted;
  }

  bool until(const std::function<bool()>& condition) {
    return test::eventually(intake.loop, condition);
  }
  bool consuming(const std::string& queue) {
    return until([&] { return broker.consumer(queue) != nullptr; });
  }
  int consumers_of(const std::string& queue) const {
    return static_cast<int>(std::count_if(broker.consumers.begin(), broker.consumers.end(),
                                          [&](const auto& one) { return one.queue == queue; }));
  }
  std::string trouble(const std::string& queue) {
    const auto all = intake.transport->troubles();
    return all.contains(queue) ? all.at(queue) : "";
  }

  test::LogCapture log;
  SystemClock clock;
  Intake intake;
  FakeBroker broker;
  std::string hopeless;
};

}  // namespace rbit::test
