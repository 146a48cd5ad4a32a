#include "rbit/intake/ack_timeout.h"

#include <doctest/doctest.h>

using namespace rbit;
using std::chrono::milliseconds;

TEST_CASE("the broker's patience is read from how it closes a channel") {
  // Measured on RabbitMQ 3.10.8.
  const amqp::Refusal timeout{
      406,
      "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: "
      "1800000 ms. This timeout value can be configured, see consumers doc guide to learn more",
      false};
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
  CHECK_FALSE(
      acknowledgement_timeout({406, "PRECONDITION_FAILED - unknown delivery tag 7", false}));
  CHECK_FALSE(acknowledgement_timeout(
      {404, "NOT_FOUND - no queue 'delivery acknowledgement on channel 1'", false}));
}
