#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rbit/amqp/mailbox.h"
#include "rbit/amqp/wire.h"
#include "rbit/base/sha256.h"

namespace rbit::amqp {

/// A request without an answer yet.
struct Pending {
  std::uint64_t id;
  std::size_t request;
  std::chrono::steady_clock::time_point deadline;
  std::string queue;  // of DeclareQueue, Consume, Get
};

/// A message that was published and neither confirmed nor refused yet.
struct Unconfirmed {
  std::uint64_t id;
  std::string exchange, routing_key, message_id;
  std::optional<Refusal> returned;
};

/// A channel as the I/O thread knows it.
struct ChannelState {
  enum class Reading { nothing, header, body };
  enum class Content { delivered, got, returned };
  std::deque<Pending> pending;
  std::deque<Command> held;  // a cancel before its consumer's consume-ok, and what came after it
  bool opened = false;       // the broker has said so
  bool closing = false;      // we asked for it: what still comes is nobody's
  Reading reading = Reading::nothing;
  Content content = Content::delivered;
  Incoming message;
  std::uint64_t arrived = 0;  // bytes of the body
  std::optional<Sha256> digest;
  ReturnFrame returned;
  std::uint64_t published = 0;  // the broker numbers publishes from 1 in a confirming channel
  std::map<std::uint64_t, Unconfirmed> unconfirmed;
  std::vector<std::string> suspects;  // for the end of the connection: see Refusal
};

using ChannelStates = std::map<std::uint16_t, ChannelState>;  // by the channel's number

}  // namespace rbit::amqp
