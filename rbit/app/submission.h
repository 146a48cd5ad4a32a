#pragma once

#include <string>

#include "rbit/config/settings.h"
#include "rbit/core/message.h"

namespace rbit {

/// A random UUID.
std::string new_message_id();

/// Puts `message` into its queue and returns once it is safe there: on AMQP persistent, mandatory
/// and confirmed; on the embedded queue through the rbit that runs, or straight into its database
/// if none does. Throws Fatal with what, why and the cure; its code is `temporary` if the message
/// may have arrived all the same.
void submit(const config::Settings& settings, Message message);

}  // namespace rbit
