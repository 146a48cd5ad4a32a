#include "rbit/app/value_changes.h"

#include <doctest/doctest.h>

namespace rbit {
namespace {

const config::Place written{"rbit.ini", 1};

config::Loaded loaded(std::vector<config::Value> values) {
  config::Loaded made;
  made.values = std::move(values);
  return made;
}

std::vector<std::string> texts(const std::vector<ValueChange>& changes) {
  std::vector<std::string> lines;
  for (const ValueChange& change : changes)
    lines.push_back(change.text() + (change.waits ? " waits" : ""));
  return lines;
}

TEST_CASE("what has changed, in the order of the new file, and what waits") {
  const auto before = loaded({{"rbit", "slots", "2", written},
                              {"rbit", "state-dir", "/a", written},
                              {"runner:pdf", "timeout", "5s", written},
                              {"amqp", "heartbeat", "30s", {}}});
  const auto after = loaded({{"rbit", "state-dir", "/b", written},
                             {"rbit", "slots", "4", written},
                             {"amqp", "heartbeat", "60s", written},
                             {"log", "level", "DEBUG", written},
                             {"log", "keep-days", "3", written},
                             {"runner:pdf", "nice", "5", {}}});
  CHECK(texts(value_changes(before, after)) ==
        std::vector<std::string>{
            "[rbit] state-dir: /a -> /b waits", "[rbit] slots: 2 -> 4",
            "[amqp] heartbeat: (default) -> 60s waits", "[log] level: (default) -> DEBUG",
            "[log] keep-days: (default) -> 3 waits", "[runner:pdf] timeout: 5s -> (default)"});
  CHECK(value_changes(after, after).empty());
}

TEST_CASE("a value of several lines is told in one, a secret not at all") {
  const auto before = loaded({{"rbit", "queue-mappings", "\na:x\n", written},
                              {"status", "password", "***", written, true, "1"}});
  const auto after = loaded({{"rbit", "queue-mappings", "\na:x\n  b:x\n", written},
                             {"status", "password", "***", written, true, "2"}});
  CHECK(texts(value_changes(before, after)) ==
        std::vector<std::string>{"[rbit] queue-mappings: a:x -> a:x b:x",
                                 "[status] password: *** -> *** waits"});
}

TEST_CASE("queues of distribution and architecture stay, the others come and go") {
  config::Settings before, after;
  config::QueueMapping legacy{{"pdf", nullptr}, "d_a_s_f", written, true, "d.a.s.f"};
  before.queues = {legacy, {{"pdf", nullptr}, "left", written}};
  after.queues = {{{"pdf", nullptr}, "fresh", written},
                  {{"pdf", nullptr}, "d2_a_s_f", written, true, "d2.a.s.f"}};
  before.state_dir = "/a";
  after.state_dir = "/b";
  before.slots = 2;
  after.slots = 5;
  after.log.keep_days = 1;
  after.log.level = "DEBUG";
  const config::Settings taken = settings_taken(before, after);
  CHECK(taken.queue_names() == std::vector<std::string>{"d_a_s_f", "fresh"});
  CHECK(taken.state_dir == "/a");
  CHECK(taken.slots == 5);
  CHECK(taken.log.level == "DEBUG");
  CHECK(taken.log.keep_days == before.log.keep_days);
}

TEST_CASE("what waits is told again at the next reload, what was taken is not") {
  auto before = loaded({{"rbit", "slots", "2", written}, {"rbit", "state-dir", "/a", written}});
  const auto after =
      loaded({{"rbit", "slots", "4", written}, {"rbit", "state-dir", "/b", written}});
  before.values = values_taken(before.values, after.values);
  CHECK(texts(value_changes(before, after)) ==
        std::vector<std::string>{"[rbit] state-dir: /a -> /b waits"});
}

}  // namespace
}  // namespace rbit
