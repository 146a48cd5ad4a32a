#include "rbit/intake/route_reader.h"

#include <doctest/doctest.h>

#include <string>

using namespace rbit;

namespace {

Route route_by(MessageFact::Of of, const std::string& name, const std::string& shown) {
  Route route("r", MessageFact{of, name, false, shown});
  route.add("a", "first");
  route.add("b.*", "second");
  return route;
}

Message message_of(std::string body) {
  Message message;
  message.queue = "work";
  message.body = std::move(body);
  return message;
}

std::string chosen(const Route& route, const Message& message) {
  const auto runner = runner_for(route, message);
  return runner ? *runner : runner.error().text();
}

}  // namespace

TEST_CASE("by a header, also one that is no text") {
  Route route = route_by(MessageFact::Of::header, "kind", "header:kind");
  route.add("7", "number");
  Message message = message_of("any bytes");
  CHECK(chosen(route, message) ==
        "no-route: header:kind is missing (name a runner for such messages in [route:r], by "
        "*: RUNNER)");
  message.headers["kind"] = "a";
  CHECK(chosen(route, message) == "first");
  message.headers["kind"] = std::int64_t{7};
  CHECK(chosen(route, message) == "number");
  message.headers["kind"] = "x\ny";
  CHECK(chosen(route, message) ==
        "no-route: header:kind is 'x\\x0ay' (name a runner for it in [route:r])");
}

TEST_CASE("by a member of the body; the rest may be no JSON at all") {
  Route route = route_by(MessageFact::Of::member, "/kind", "/kind");
  CHECK(chosen(route, message_of(R"({"kind": "b.c"})")) == "second");
  CHECK(chosen(route, message_of(R"({"kind": null})")).starts_with("no-route: /kind is missing"));
  CHECK(chosen(route, message_of("nonsense")) == "undecodable: not JSON at byte 2");
  route.add("*", "rest");
  CHECK(chosen(route, message_of("nonsense")) == "rest");
  CHECK(chosen(route, message_of("")) == "rest");
  Message large = message_of(R"({"kind": "a"})");
  large.oversized = true;
  CHECK(chosen(route, large) == "rest");
}

TEST_CASE("by a task, bare or in its envelope") {
  const Route route = route_by(MessageFact::Of::task, "", "task");
  CHECK(chosen(route, message_of(R"({"task_name": "a"})")) == "first");
  CHECK(chosen(route, message_of(R"({"Message": "{\"task_name\": \"b.x\"}"})")) == "second");
  CHECK(chosen(route, message_of(R"({"task_name": "__import__"})"))
            .starts_with("no-route: task is '__import__'"));
  CHECK(chosen(route, message_of("[1]")).starts_with("no-route: task is missing"));
}

TEST_CASE("by an event: its header, else the routing key") {
  const Route route = route_by(MessageFact::Of::event, "iniesta_pass", "event");
  Message message = message_of("");
  message.exchange = "events";
  message.routing_key = "b.y";
  CHECK(chosen(route, message) == "second");
  message.headers["iniesta_pass"] = "a";
  CHECK(chosen(route, message) == "first");
}

TEST_CASE("by the routing key, which a copy that comes straight to its queue still has") {
  const Route route = route_by(MessageFact::Of::routing_key, "", "routing-key");
  Message message = message_of("");
  CHECK(chosen(route, message).starts_with("no-route: routing-key is 'work'"));
  message.headers[routing_key_header] = "a";
  CHECK(chosen(route, message) == "first");
  message.exchange = "events";
  message.routing_key = "b.y";
  CHECK(chosen(route, message) == "second");
}
