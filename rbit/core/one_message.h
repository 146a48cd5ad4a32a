#pragma once

#include <utility>

#include "rbit/core/message_source.h"

namespace rbit {

/// One message and no more.
class OneMessage : public MessageSource {
 public:
  explicit OneMessage(Message message) : message_(std::move(message)) {}

  bool is_ready() override { return true; }
  std::optional<Message> next() override { return std::exchange(message_, std::nullopt); }

 private:
  std::optional<Message> message_;
};

}  // namespace rbit
