#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "rbit/amqp/settings.h"
#include "rbit/intake/topology.h"

namespace rbit {

struct AmqpTransportSettings {
  amqp::ConnectionSettings connection;
  std::vector<WorkQueue> queues;  // `start` names which of them are read
  Topology::Declare declare = Topology::Declare::yes;
  bool quorum = false;  // the type of rbit's own queues, else classic
  std::string exchange = "pybit";
  std::optional<std::chrono::milliseconds> poll_time;  // none: subscribe
  std::string worker;                                  // our name, for the headers of copies
  int channels_for_others = 1;  // of the connection: for what is opened for a moment, and more
  // How soon a queue is tried again: at first, doubled up to 60 s; where somebody has it for
  // himself, and it is read within 5 s after he left.
  std::chrono::milliseconds queue_retry{5'000}, locked_retry{3'500};
};

}  // namespace rbit
