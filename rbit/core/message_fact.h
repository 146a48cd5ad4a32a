#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "rbit/base/message_properties.h"
#include "rbit/core/job.h"

namespace rbit {

/// A part of a message that a configuration names, such as %{/order/id} or %{header:x-kind!}
/// (rbit-messages(7)).
struct MessageFact {
  enum class Of { member, header, key, queue, routing_key, task, event };

  Of of = Of::member;
  // Of a member its JSON Pointer; of a header its name, and of an event that of the header that
  // says it, where there is one; else empty.
  std::string name;
  bool required = false;  // a message without it is none for its runner
  std::string shown;      // as it stands in the configuration

  /// Whether it is the same part, required or not.
  bool is_same_as(const MessageFact& other) const { return of == other.of && name == other.name; }
};

/// What a text such as "%{/order/id}/x" begins with.
struct FactText {
  std::size_t length = 0;  // of the placeholder; 0: there is none
  MessageFact fact;
  std::string mistake;  // somebody meant one, and this is wrong with it
};
FactText fact_at(std::string_view rest);

/// What may have been meant by %{WORD} that is no placeholder, as a word for "did you mean", or "".
std::string meant_by_fact(std::string_view rest);

/// A header as text: numbers in decimal, true or false.
std::string plain_text(const HeaderValue& value);

/// Whether its value is in the body.
inline bool is_in_body(const MessageFact& fact) {
  return fact.of == MessageFact::Of::member || fact.of == MessageFact::Of::task;
}

/// The value of any part but the key; none: the message does not have it, or it is null.
/// `document`: the body as JSON, nullptr if it is none.
std::optional<std::string> value_of(const MessageFact& fact, const MessageHead& head,
                                    const std::string& queue, const nlohmann::json* document);

/// The value of any part of a job's message.
std::optional<std::string> fact_of(const Job& job, const MessageFact& fact,
                                   const nlohmann::json* document);

/// How its message came first: the routing key, or the queue's name where it came straight to its
/// queue.
const std::string& routing_key_of(const MessageHead& head, const std::string& queue);

}  // namespace rbit
