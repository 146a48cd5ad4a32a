#include "rbit/dispatch/ledger.h"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/loop.h"

namespace rbit {

namespace {

using Place = Ledger::Place;

Job job_called(const std::string& key) {
  Job job;
  job.key = key;
  return job;
}

}  // namespace

TEST_CASE("a key is where its claim says, and nowhere when that is dropped") {
  asio::io_context loop{1};
  Ledger ledger(loop.get_executor());
  CHECK(ledger.place_of("a") == Place::nowhere);
  {
    const Ledger::Claim running = ledger.run(job_called("a"));
    CHECK(ledger.place_of("a") == Place::running);
    CHECK(ledger.running("a") == &running.job());
    const Ledger::Claim settling = ledger.settle("b");
    CHECK(ledger.place_of("b") == Place::settling);
    CHECK(ledger.running("b") == nullptr);
    ledger.backlog().add("a", "queue", "runner", {});
    CHECK(ledger.place_of("a") == Place::running);  // it counts before the backlog
  }
  CHECK(ledger.place_of("a") == Place::waiting);
  CHECK(ledger.place_of("b") == Place::nowhere);
}

TEST_CASE("who waits for a key is told when its claim is dropped") {
  asio::io_context loop{1};
  Ledger ledger(loop.get_executor());
  std::unique_ptr<Ledger::Claim> held(new Ledger::Claim(ledger.settle("a")));
  CHECK(ledger.place_of("a") == Place::settling);
  const auto wait = [&]() -> Task<void> {
    while (ledger.place_of("a") != Place::nowhere) co_await ledger.changed().wait();
  };
  asio::post(loop, [&] { held.reset(); });
  test::run(loop, wait());
  CHECK(ledger.place_of("a") == Place::nowhere);
}

TEST_CASE("messages that came before are read one at a time") {
  asio::io_context loop{1};
  Ledger ledger(loop.get_executor());
  Notice go_on(loop.get_executor());
  std::vector<std::string> order;
  const auto read = [&](std::string name) -> Task<void> {
    const Ledger::ReadingTurn turn = co_await ledger.reading_turn();
    order.push_back(name + " begins");
    co_await go_on.wait();
    order.push_back(name + " ends");
  };
  spawn(loop.get_executor(), read("one"), "test");
  spawn(loop.get_executor(), read("two"), "test");
  for (int i = 0; i < 3; ++i) {
    loop.restart();
    loop.poll();
    go_on.notify();
  }
  loop.restart();
  loop.poll();
  CHECK(order == std::vector<std::string>{"one begins", "one ends", "two begins", "two ends"});
}

TEST_CASE("what went back unread is known once") {
  asio::io_context loop{1};
  Ledger ledger(loop.get_executor());
  ledger.note_unread("mark");
  CHECK_FALSE(ledger.take_unread("other"));
  CHECK(ledger.take_unread("mark"));
  CHECK_FALSE(ledger.take_unread("mark"));
  for (int i = 0; i < 20'000; ++i) ledger.note_unread(std::to_string(i));
  CHECK(ledger.take_unread("19999"));
  CHECK_FALSE(ledger.take_unread("1"));  // they must not grow for ever
}

}  // namespace rbit
