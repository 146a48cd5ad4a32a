#pragma once

#include "rbit/base/names.h"

namespace rbit {

/// What the messages of a runner are (`message` of its section; rbit-messages(7)).
enum class MessageKind {
  pybit,  // a build request as PyBit writes it
  json,   // any JSON text
  raw,    // any bytes, also none
  task,   // the name of a task and its arguments (`task_of`)
};

inline constexpr Named<MessageKind> message_kind_names[] = {{MessageKind::pybit, "pybit"},
                                                            {MessageKind::json, "json"},
                                                            {MessageKind::raw, "raw"},
                                                            {MessageKind::task, "task"}};

constexpr std::string_view to_string(MessageKind kind) {
  return name_in(message_kind_names, kind);
}

/// Whether %{/POINTER} reaches into its messages.
constexpr bool has_members(MessageKind kind) {
  return kind == MessageKind::json || kind == MessageKind::task;
}

/// What becomes of a message that is of no kind its runner takes (`on-invalid`).
enum class OnInvalid { dead, drop, retry };

}  // namespace rbit
