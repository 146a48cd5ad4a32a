#include "rbit/intake/ack_timeout.h"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>

using namespace rbit;
using std::chrono::milliseconds;

TEST_CASE("the broker's patience is read from how it closes a channel") {
  // Measured on RabbitMQ 3.10.8.
  const amqp::Refusal timeout{
      406,
      "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: "
      "1800000 ms. This timeout value can be configured, see consumers doc guide to learn more"};
  CHECK(acknowledgement_timeout(timeout) == milliseconds(1'800'000));

  amqp::Refusal unknown = timeout;  // 4.3
  unknown.text =
      "PRECONDITION_FAILED - delivery acknowledgement on channel 7 timed out. "
      "Timeout value used: -1 ms";
  CHECK(acknowledgement_timeout(unknown) == milliseconds(-1));
  unknown.text = "PRECONDITION_FAILED - delivery acknowledgement on channel 7 timed out";
  CHECK(acknowledgement_timeout(unknown) == milliseconds(-1));
}

TEST_CASE("other closes of a channel are none") {
  CHECK_FALSE(acknowledgement_timeout({406, "PRECONDITION_FAILED - unknown delivery tag 7"}));
  CHECK_FALSE(acknowledgement_timeout(
      {404, "NOT_FOUND - no queue 'delivery acknowledgement on channel 1'"}));
}

TEST_CASE("a limit that makes no sense is none that the broker has said") {
  const std::string text =
      "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: ";
  for (const char* limit :
       {"-1 ms", "-9223372036854775808 ms", "0 ms", "9223372036854775808 ms", "1", "1 s", "1e3 ms",
        " 60000 ms", "+60000 ms", "0x10 ms", "60000ms", "", "ms", "undefined ms"}) {
    CAPTURE(limit);
    CHECK(acknowledgement_timeout({406, text + limit}) == milliseconds(-1));
  }
  CHECK(acknowledgement_timeout({406, text + "1 ms"}) == milliseconds(1));
  const auto endless = acknowledgement_timeout({406, text + "9223372036854775807 ms"});
  CHECK(endless == std::chrono::hours(24 * 365));
}

TEST_CASE("no broker is believed to be more impatient than ten seconds") {
  CHECK(ack_after_for(milliseconds(1'800'000)) == milliseconds(600'000));
  CHECK(ack_after_for(milliseconds(10'000)) == milliseconds(3'333));
  for (const std::int64_t limit : {std::int64_t{9'999}, std::int64_t{1}, std::int64_t{0},
                                   std::int64_t{-1}, std::numeric_limits<std::int64_t>::min()}) {
    CAPTURE(limit);
    CHECK(ack_after_for(milliseconds(limit)) == milliseconds(3'333));
  }
}
