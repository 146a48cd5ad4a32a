#include "config_file.h"
#include "tests/support/text.h"

using namespace rbit;
using namespace rbit::config;
using namespace rbit::test;

namespace {

const std::string runners =
    "[amqp]\nurl = local:\n[runner:a]\nrunner = shell!true\n[runner:b]\nrunner = shell!true\n";

Loaded load_routed(const std::string& route) {
  return ConfigFile("[rbit]\nqueue-mappings = work:route:r\n" + runners + route).load();
}
/// What is said of a file whose route begins at line 9.
std::string found(const std::string& route) {
  return findings("[rbit]\nqueue-mappings = work:route:r\n" + runners + route);
}

}  // namespace

TEST_CASE("a queue may have a route instead of a runner") {
  const Loaded loaded =
      load_routed("[route:r]\nby = task\nrunners =\n  resize: a\n  Order.*: b\n  x: y z: a\n");
  REQUIRE(loaded.ok());
  REQUIRE(loaded.settings.queues.size() == 1);
  const QueueMapping& queue = loaded.settings.queues[0];
  CHECK(queue.queue == "work");
  CHECK(queue.shown() == "route:r");
  REQUIRE(queue.route);
  CHECK(queue.route->by().of == MessageFact::Of::task);
  CHECK(*queue.route->runner_of("Order.1") == "b");
  CHECK(*queue.route->runner_of("x: y z") == "a");
  CHECK(queue.all() == std::vector<std::string>{"a", "b"});
  CHECK(loaded.settings.runners_in_use() == std::set<std::string>{"a", "b"});
}

TEST_CASE("the parts that a route may go by") {
  const auto by = [](const std::string& word) {
    const Loaded loaded = load_routed("[route:r]\nby = " + word + "\nrunners = *: a\n");
    CHECK(loaded.ok());
    return loaded.settings.queues.at(0).route->by();
  };
  CHECK(by("/order/kind").name == "/order/kind");
  CHECK(by("header:x-kind").of == MessageFact::Of::header);
  CHECK(by("routing-key").of == MessageFact::Of::routing_key);
  CHECK(by("event").name == "iniesta_pass");
  const Loaded own =
      load_routed("[route:r]\nby = event\nrunners = *: a\n[events]\nkey = happened\n");
  CHECK(own.settings.queues.at(0).route->by().name == "happened");
}

TEST_CASE("what is wrong with a route, where, and the cure") {
  const std::string parts =
      "(write task, event, routing-key, header:NAME, or a JSON Pointer such as /order/kind)";
  const auto tells = [](const std::string& route, const std::string& line) {
    const std::string all = found(route);
    CHECK_MESSAGE(has_line(all, line), all);
  };
  tells("[route:r]\nby = kind\nrunners = *: a\n",
        "rbit.ini:10: [route:r] by: 'kind' is no part of a message " + parts);
  tells("[route:r]\nby = /a!\nrunners = *: a\n",
        "rbit.ini:10: [route:r] by: '/a!' is no part of a message " + parts);
  tells("[route:r]\nby = queue\nrunners = *: a\n",
        "rbit.ini:10: [route:r] by: 'queue' is no part of a message " + parts);
  tells("[route:r]\nrunners = *: a\n",
        "rbit.ini:9: [route:r] 'by' is missing (write by = task, event, routing-key, header:NAME, "
        "or a JSON Pointer such as /order/kind)");
  tells("[route:r]\nby = task\n",
        "rbit.ini:9: [route:r] 'runners' is missing (write lines of VALUE: RUNNER)");
  tells("[route:r]\nby = task\nrunners =\n  x: nobody\n",
        "rbit.ini:12: [route:r] runners: no [runner:nobody] (write that section)");
  tells("[route:r]\nby = task\nrunners =\n  x: a\n  x: b\n",
        "rbit.ini:13: [route:r] runners: 'x' is named twice (leave one of them out)");
  tells("[route:r]\nby = task\nrunners = x\n",
        "rbit.ini:11: [route:r] runners: 'x' names no runner (write VALUE: RUNNER, one a line)");
  tells("[route:r]\nby = task\nrunners = : a\n",
        "rbit.ini:11: [route:r] runners: ': a' names no value (write VALUE: RUNNER, one a line)");
  tells("[route:r]\nby = task\nrunners = *.x: a\n",
        "rbit.ini:11: [route:r] runners: '*.x' has a * before its end (one may stand there alone, "
        "for any rest)");
  tells("[route:other]\nby = task\nrunners = *: a\n",
        "rbit.ini:2: [rbit] queue-mappings: no [route:r] (write that section)");
  tells("[routes]\nby = task\n", "rbit.ini:9: [routes] a route's section is called [route:NAME]");
  tells("[route:r]\nby = task\nrunners = *: a\nrunner = a\n",
        "rbit.ini:12: [route:r] unknown key 'runner' (did you mean 'runners'?)");
}

TEST_CASE("a runner's own queue with such a name stays what it was") {
  const Loaded loaded = ConfigFile("[rbit]\nqueue-mappings = route:a\n" + runners).load();
  REQUIRE(loaded.ok());
  CHECK(loaded.settings.queues.at(0).queue == "route");
  CHECK(loaded.settings.queues.at(0).runner == "a");
}
