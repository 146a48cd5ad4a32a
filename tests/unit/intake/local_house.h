#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rbit/intake/local_transport.h"
#include "tests/support/files.h"
#include "tests/support/loop.h"
#include "tests/support/manual_clock.h"
#include "tests/support/open_database.h"
#include "tests/support/print.h"

namespace rbit::test {

/// The tables as the journal makes them. A unit test of this room cannot link that one; it can read
/// it, so that there is one description only.
inline std::string tables() {
  const std::string text = read_file(std::string(RBIT_SOURCE_DIR) + "/rbit/journal/schema.cpp");
  std::string sql;
  for (std::size_t at = 0; (at = text.find("R\"sql(", at)) != std::string::npos;) {
    const auto end = text.find(")sql\"", at);
    sql += text.substr(at + 6, end - at - 6);
    at = end;
  }
  return sql;
}

/// An rbit's queue room: deliveries go into `got`, in order.
struct House {
  explicit House(std::string path = ":memory:") : file(std::move(path)) {
    open();
    REQUIRE(database->execute(tables().c_str()));
  }
  void open() { database = open_database(loop, file); }
  /// As after rbit's death: what it held is gone, its file is read again.
  void live_again() {
    transport.reset();
    database.reset();
    got.clear();
    open();
    start();
  }
  void start(std::vector<std::string> queues = {"a", "b"}) {
    transport = std::make_unique<LocalTransport>(loop.get_executor(), *database, clock, "worker");
    transport->start(std::move(queues), [this](Delivery one) { got.push_back(std::move(one)); });
  }
  /// Everything that is ready; who waits for the clock goes on waiting.
  void settle_down() {
    loop.restart();
    loop.poll();
  }
  void credit(const std::string& queue, int slots) {
    transport->set_credit(queue, slots);
    settle_down();
  }
  Result<std::string> submit(const std::string& queue, std::string body, std::string id = "") {
    Message message;
    message.queue = queue;
    message.body = std::move(body);
    message.message_id = std::move(id);
    auto key = test::run(loop, transport->submit(message));
    settle_down();
    return key;
  }
  bool settle(std::size_t i, const Settlement& settlement) {
    const bool done = test::run(loop, got[i].settle(settlement)).has_value();
    settle_down();
    return done;
  }
  /// Until rows of accepted messages are gone.
  void wait_for_messages(std::int64_t rows) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (count("message") != rows && std::chrono::steady_clock::now() < end) {
      loop.restart();
      loop.run_one_for(std::chrono::milliseconds(10));
    }
    CHECK(count("message") == rows);
  }
  void drop_all() {
    got.clear();
    settle_down();
  }
  std::string bodies() const {
    std::string out;
    for (const auto& one : got) out += one.message().body.bytes() + " ";
    return out;
  }
  std::int64_t count(const std::string& table) { return count_rows(*database, table); }

  std::string file;
  test::ManualClock clock;
  asio::io_context loop;
  std::unique_ptr<Database> database;
  std::unique_ptr<LocalTransport> transport;
  std::vector<Delivery> got;
};

}  // namespace rbit::test
