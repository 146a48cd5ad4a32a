#pragma once

#include <string>

#include "rbit/amqp/protocol.h"

namespace rbit::amqp {

/// What it means that the broker closed a connection while it was being opened. RabbitMQ has one
/// code, 530, for a virtual host that is missing, one that the user may not enter, one that is
/// down, and for each of its limits of connections: the text tells them apart. `login` is set for
/// what stays until somebody changes the broker or our settings, `limit` for what ends by itself.
Refusal refused_login(int code, std::string text);

/// Whether the text speaks of a limit (of connections, of channels) that is reached.
bool is_limit(const std::string& text);

/// If the broker closed a channel or an open connection because a limit is reached (of queues in a
/// virtual host, of a user's channels): sets `limit` and the cure.
void note_limit(Refusal& why);

}  // namespace rbit::amqp
