#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>

#include "rbit/amqp/settings.h"
#include "tests/support/loop.h"

/// For tests beside a real RabbitMQ, which tests/broker/node.py starts.
namespace rbit::test {

/// The broker of this test run, or none, said once a test. Only the form node.py writes is read:
/// amqp://guest:guest@HOST:PORT/
inline std::optional<amqp::ConnectionSettings> broker() {
  const char* url = std::getenv("RBIT_TEST_AMQP_URL");
  if (!url) {
    MESSAGE("skipped: no broker (python3 tests/broker/node.py --run "
            << "this program)");
    return std::nullopt;
  }
  const std::string text(url);
  const auto at = text.rfind('@'), colon = text.rfind(':'), slash = text.rfind('/');
  amqp::ConnectionSettings settings;
  settings.endpoints.front().host = text.substr(at + 1, colon - at - 1);
  settings.endpoints.front().port =
      static_cast<std::uint16_t>(std::stoi(text.substr(colon + 1, slash - colon - 1)));
  settings.heartbeat = std::chrono::seconds(5);
  settings.backoff_base = std::chrono::milliseconds(20);
  settings.backoff_cap = std::chrono::milliseconds(200);
  return settings;
}

/// A queue name that no other test of this run has.
inline std::string fresh_queue(const std::string& what) {
  static int count = 0;
  return "test." + std::to_string(::getpid()) + "." + std::to_string(++count) + "." + what;
}

}  // namespace rbit::test
