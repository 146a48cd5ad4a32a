#include "rbit/monitor/ready.h"

#include <doctest/doctest.h>

using namespace rbit;

namespace {

MonitorNumbers well() {
  MonitorNumbers numbers;
  numbers.connected = true;
  QueueNumbers queue;
  queue.queue = "build";
  numbers.queues.push_back(queue);
  return numbers;
}

}  // namespace

TEST_CASE("ready: the journal, the broker and every queue") {
  const HttpReply reply = ready_answer(well());
  CHECK(reply.code == 200);
  CHECK(reply.type == "application/json");
  CHECK(reply.body == R"({"journal": "ok", "broker": "ok", "queues": "ok", "status": "ok"})");
  CHECK(is_ready(well()));
}

TEST_CASE("what is not well is said with its reason") {
  MonitorNumbers numbers = well();
  numbers.paused = "state-dir /s: database or disk is full";
  CHECK(ready_answer(numbers).code == 503);
  CHECK(ready_answer(numbers).body ==
        R"({"journal": "state-dir /s: database or disk is full", "broker": "ok", )"
        R"("queues": "ok", "status": "fail"})");

  numbers = well();
  numbers.connected = false;
  CHECK(ready_answer(numbers).body ==
        R"({"journal": "ok", "broker": "not connected", "queues": "ok", "status": "fail"})");
  numbers.away = "mq:5672: Connection refused";
  CHECK(ready_answer(numbers).body ==
        R"({"journal": "ok", "broker": "mq:5672: Connection refused", "queues": "ok", )"
        R"("status": "fail"})");

  numbers = well();
  numbers.standstill = "it was told to stop";
  CHECK(ready_answer(numbers).code == 503);
  CHECK(ready_answer(numbers).body ==
        R"({"rbit": "it was told to stop", "journal": "ok", "broker": "ok", "queues": "ok", )"
        R"("status": "fail"})");
}

TEST_CASE("a single queue that is not read makes it unready, whatever it is called") {
  MonitorNumbers numbers = well();
  QueueNumbers odd;
  odd.queue = "q\"\xff\n";
  odd.unread = "NOT_FOUND \xc3\xa9 \"x\"";
  numbers.queues.push_back(odd);
  CHECK_FALSE(is_ready(numbers));
  CHECK(ready_answer(numbers).body ==
        R"({"journal": "ok", "broker": "ok", "queues": )"
        R"({"q\"\\xff\\x0a": "NOT_FOUND \u00e9 \"x\""}, "status": "fail"})");
}
