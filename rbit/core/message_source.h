#pragma once

#include <optional>

#include "rbit/core/message.h"

namespace rbit {

/// Where messages come from that are to be submitted, one at a time: there may be more of them than
/// memory.
class MessageSource {
 public:
  virtual ~MessageSource() = default;
  /// Whether `next` returns at once. Else it waits, for somebody who types, say.
  virtual bool is_ready() = 0;
  /// None: that was all.
  virtual std::optional<Message> next() = 0;
};

}  // namespace rbit
