#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "rbit/amqp/settings.h"
#include "rbit/base/fd.h"
#include "rbit/base/result.h"

namespace rbit::amqp {

/// An address a broker's name stands for.
struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  std::string text;  // numeric, without the port

  bool is_loopback() const;  // of this machine
};

/// How a blocking step learns that it is not wanted any more: `fd` becomes readable and `stopped`
/// says yes. Readable without that is somebody else's business.
struct Interrupt {
  int fd = -1;
  std::function<bool()> stopped;
  std::function<void()> drain;

  /// Waits until `other` shows one of `events`; false after `limit` or when stopped.
  bool wait(int other, short events, std::chrono::milliseconds limit) const;
};

/// All addresses of a broker. Names are looked up by a thread of their own that is left to end by
/// itself: the library call has no limit.
Result<std::vector<Address>> resolve(const Endpoint& endpoint, std::chrono::milliseconds limit,
                                     const Interrupt& interrupt);

/// A connected, non-blocking TCP socket with CLOEXEC from birth.
Result<Fd> connect_to(const Address& address, std::chrono::milliseconds limit,
                      const Interrupt& interrupt);

/// Keep-alive and user timeout, so that a dead peer ends a blocked send. Errors do not matter.
void harden(int socket, std::chrono::seconds heartbeat);

}  // namespace rbit::amqp
