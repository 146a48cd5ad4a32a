#pragma once

#include <string>

#include "rbit/core/message.h"

namespace rbit {

/// The properties and the delivery of a message as JSON, in the shape that rabbitmq-cli-consumer
/// gives its programs with --pipe: the same members in the same order, all of them, those of what
/// a message does not have empty. The body is not read.
std::string message_metadata(const Message& message, const std::string& queue);

}  // namespace rbit
