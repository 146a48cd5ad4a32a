#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "rbit/base/result.h"
#include "rbit/core/job.h"
#include "rbit/core/message.h"
#include "rbit/core/message_fact.h"

namespace rbit {

/// What a runner takes for a message. One for each runner, made once.
class MessageReader {
 public:
  /// The first thing that is wrong with a body, as "/order/id: expected a number"; none: it fits.
  using Schema = std::function<std::optional<std::string>(const nlohmann::json& body)>;

  /// `runner`: NAME of [runner:NAME], for what people are told. `needs`: what a message must have,
  /// members and headers; others of them are always there. Without a `schema` all fit.
  MessageReader(std::string runner, MessageKind kind, std::vector<MessageFact> needs = {},
                Schema schema = nullptr);

  MessageKind kind() const { return kind_; }

  /// What the message asks for; of any kind but pybit nothing is in it.
  ///
  /// An Error is no fault of ours: its thing is the reason word, `undecodable` (not what bodies of
  /// that kind are, or beyond the limits) or `invalid` (it has not what the runner needs); its cure
  /// says how the runner could be made to take it.
  Result<BuildRequest> read(const Message& message) const;

 private:
  Result<void> check(const Message& message, const nlohmann::json* document) const;

  std::string runner_;
  MessageKind kind_;
  std::vector<MessageFact> needs_;
  Schema schema_;
};

}  // namespace rbit
