#include "rbit/monitor/health.h"

#include <doctest/doctest.h>

#include "rbit/monitor/number_text.h"
#include "tests/support/manual_clock.h"

using namespace rbit;
using namespace std::chrono_literals;

namespace {
struct Clinic {
  test::ManualClock clock;
  Health health{clock, HealthSettings{}};
  Health::Answer ask(bool outbox = true) { return health.answer({{"outbox", outbox}}); }
};
}  // namespace

TEST_CASE("numbers as Python writes them") {
  CHECK(number_text(1) == "1.0");
  CHECK(number_text(60) == "60.0");
  CHECK(number_text(0.125) == "0.125");
  CHECK(number_text(0.0001) == "0.0001");
  CHECK(number_text(0.00001) == "1e-05");
  CHECK(number_text(2.0 / 3) == "0.6666666666666666");
  CHECK(number_text(1e15) == "1000000000000000.0");
  CHECK(number_text(1e16) == "1e+16");
  CHECK(number_text(0) == "0.0");
}

TEST_CASE("nothing finished in the window") {
  Clinic clinic;
  const auto answer = clinic.ask();
  CHECK(answer.code == 200);
  CHECK(answer.body ==
        R"x({"outbox": "ok", "message": "No messages in last 60.0s", "status": "ok"})x");
  CHECK(clinic.ask(false).code == 500);
  CHECK(clinic.ask(false).body ==
        R"x({"outbox": "fail", "message": "No messages in last 60.0s", "status": "fail"})x");
}

TEST_CASE("the success rate, at and below what is expected") {
  Clinic clinic;
  clinic.health.finished(true);
  CHECK(clinic.ask().code == 200);
  CHECK(clinic.ask().body ==
        R"x({"outbox": "ok", "message": "Success rate: 1.0 (expected: 0.95)", )x"
        R"x("fail": 0, "success": 1, "status": "ok"})x");
  for (int i = 0; i < 7; ++i) clinic.health.finished(false);
  CHECK(clinic.ask().code == 500);
  CHECK(clinic.ask().body ==
        R"x({"outbox": "ok", "message": "Success rate: 0.125 (expected: 0.95)", )x"
        R"x("fail": 7, "success": 1, "status": "fail"})x");
}

TEST_CASE("an event older than the window is gone") {
  Clinic clinic;
  clinic.health.finished(false);
  clinic.clock.advance(60s);
  CHECK(clinic.ask().code == 500);
  clinic.clock.advance(1ms);
  CHECK(clinic.ask().code == 200);
}

TEST_CASE("failures to connect count in a row, and a connection forgives them") {
  Clinic clinic;
  clinic.health.connection_failed();
  clinic.health.connection_failed();
  CHECK(clinic.ask().code == 200);
  clinic.health.connection_failed();
  CHECK(clinic.ask().code == 500);
  CHECK(clinic.ask().body ==
        R"x({"message": "Reached max connection fails (3)", "status": "fail"})x");
  clinic.health.connected();
  CHECK(clinic.ask().code == 200);
}

TEST_CASE("a busy window is counted exactly") {
  Clinic clinic;
  for (int i = 0; i < 50'000; ++i) {
    clinic.health.finished(true);
    clinic.clock.advance(1ms);
  }
  CHECK(clinic.ask().body.find("\"success\": 50000,") != std::string::npos);
}

TEST_CASE("queues that are not read are named when it is the connection that fails, too") {
  test::ManualClock clock;
  Health health(clock, HealthSettings{});
  for (int i = 0; i < 3; ++i) health.connection_failed();
  const auto answer = health.answer({{"outbox", true}, {"queues", false}},
                                    {{"q", "not connected: connection limit (0) is reached"}});
  CHECK(answer.code == 500);
  CHECK(answer.body == R"x({"unread": {"q":"not connected: connection limit (0) is reached"}, )x"
                       R"x("message": "Reached max connection fails (3)", "status": "fail"})x");
}

TEST_CASE("a queue that is not read is a failure, with its name and the reason") {
  test::ManualClock clock;
  Health health(clock, HealthSettings{});
  const auto answer = health.answer({{"outbox", true}, {"queues", false}},
                                    {{"q\"1", "basic.get: NOT_IMPLEMENTED \xff"}});
  CHECK(answer.code == 500);
  CHECK(
      answer.body ==
      R"({"outbox": "ok", "queues": "fail", "unread": {"q\"1":"basic.get: NOT_IMPLEMENTED \ufffd"}, )"
      R"("message": "No messages in last 60.0s", "status": "fail"})");
}
