#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "rbit/base/message_properties.h"

namespace rbit {

/// A part of a message that a configuration names, such as %{/order/id} or %{header:x-kind!}
/// (rbit-messages(7)).
struct MessageFact {
  enum class Of { member, header, key, queue, routing_key };

  Of of = Of::member;
  std::string name;       // member: its JSON Pointer; header: its name; else empty
  bool required = false;  // a message without it is none for its runner
  std::string shown;      // as it stands in the configuration

  /// Whether it is the same part, required or not.
  bool is_same_as(const MessageFact& other) const { return of == other.of && name == other.name; }
};

/// A header as text: numbers in decimal, true or false.
std::string plain_text(const HeaderValue& value);

/// The value of a member or header; none: the message does not have it, or it is null.
/// `document`: the body as JSON, nullptr if it is none.
std::optional<std::string> value_of(const MessageFact& fact, const MessageHead& head,
                                    const nlohmann::json* document);

/// How its message came: the routing key, or the queue's name where it came straight to its queue.
const std::string& routing_key_of(const MessageHead& head, const std::string& queue);

}  // namespace rbit
