#pragma once

#include <sys/socket.h>

#include <chrono>
#include <string>
#include <vector>

#include "rbit/amqp/mailbox.h"
#include "rbit/amqp/settings.h"
#include "rbit/base/fd.h"
#include "rbit/base/result.h"

namespace rbit::amqp {

/// An address a broker's name stands for.
struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  std::string text;  // numeric, without the port
};

/// All addresses of a broker. Names are looked up by a thread of their own that is left to end by
/// itself: the library call has no limit. A mailbox that is stopped ends the wait, here and below.
Result<std::vector<Address>> resolve(const Endpoint& endpoint, std::chrono::milliseconds limit,
                                     Mailbox& mailbox);

/// A connected, non-blocking TCP socket with CLOEXEC from birth.
Result<Fd> connect_to(const Address& address, std::chrono::milliseconds limit, Mailbox& mailbox);

/// Keep-alive and user timeout, so that a dead peer ends a blocked send. Errors do not matter.
void harden(int socket, std::chrono::seconds heartbeat);

}  // namespace rbit::amqp
