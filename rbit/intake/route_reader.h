#pragma once

#include <string>

#include "rbit/base/result.h"
#include "rbit/core/message.h"
#include "rbit/core/route.h"

namespace rbit {

/// The runner that a route names for a message. What the message does not say fits "*" alone. An
/// Error is no fault of ours: its thing is the reason word, `no-route`, or `undecodable` where the
/// part is in a body that is no JSON.
Result<std::string> runner_for(const Route& route, const Message& message);

}  // namespace rbit
