#include "rbit/amqp/dial.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <cstring>
#include <memory>
#include <thread>

#include "rbit/base/shortage.h"

namespace rbit::amqp {

namespace {

/// What the resolver's thread and its asker share; the last of them frees it.
struct Lookup {
  Endpoint endpoint;
  Fd ready;
  std::vector<Address> found;
  int code = 0, number = 0;  // as getaddrinfo gives it, and errno

  /// Asks the system's resolver.
  void ask(int flags) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    code =
        ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &list);
    number = errno;
    for (const addrinfo* one = code == 0 ? list : nullptr; one; one = one->ai_next) {
      Address address;
      std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
      address.length = one->ai_addrlen;
      char text[NI_MAXHOST] = "";
      ::getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
      address.text = text;
      found.push_back(std::move(address));
    }
    if (code == 0) ::freeaddrinfo(list);
  }
};

}  // namespace

Result<std::vector<Address>> resolve(const Endpoint& endpoint, std::chrono::milliseconds limit,
                                     Mailbox& mailbox) {
  const auto lookup = std::make_shared<Lookup>();
  lookup->endpoint = endpoint;
  lookup->ask(AI_NUMERICHOST);
  if (!lookup->found.empty()) return std::move(lookup->found);

  lookup->ready.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!lookup->ready) return Error::of_system(endpoint.text(), errno);
  try {
    std::thread([lookup] {
      lookup->ask(0);
      ::eventfd_write(lookup->ready.get(), 1);
    }).detach();
  } catch (const std::system_error& error) {
    const int number = error.code().value();
    return Error{endpoint.text(),
                 std::string("no thread to look its name up: ") + std::strerror(number),
                 cure_of_shortage(number)};
  }
  if (!mailbox.wait(lookup->ready.get(), POLLIN, limit))
    return Error{endpoint.text(), "its name was not resolved in time", ""};
  eventfd_t count = 0;
  ::eventfd_read(lookup->ready.get(), &count);
  if (lookup->code != 0)
    return Error{endpoint.text(), lookup->code == EAI_SYSTEM ? std::strerror(lookup->number)
                                                             : ::gai_strerror(lookup->code)};
  return std::move(lookup->found);
}

Result<Fd> connect_to(const Address& address, std::chrono::milliseconds limit, Mailbox& mailbox) {
  Fd socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return Error::of_system(address.text, errno);
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto* where = reinterpret_cast<const sockaddr*>(&address.storage);
  if (::connect(socket.get(), where, address.length) == 0) return socket;
  if (errno != EINPROGRESS) return Error::of_system(address.text, errno);
  if (!mailbox.wait(socket.get(), POLLOUT, limit))
    return Error{address.text, "no connection in time", ""};
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return Error::of_system(address.text, error);
  return socket;
}

void harden(int socket, std::chrono::seconds heartbeat) {
  const auto set = [socket](int level, int name, int value) {
    ::setsockopt(socket, level, name, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 20);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(2000 * heartbeat.count()));
}

}  // namespace rbit::amqp
