#include "rbit/run/leader/packet.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

namespace rbit::leader {
namespace {

alignas(16) char buffer[wire::max_packet + 1];
// A string costs its NUL at least, so no packet holds more of them than this allows in practice:
// 64 KiB of RBIT_* and what a configuration names.
constexpr std::size_t max_strings = 16 * 1024;
char* strings[max_strings];

}  // namespace

void in_doubt() {
  _exit(70);
}

void Packet::close_fds() {
  for (int i = 0; i < fd_count; ++i)
    if (fds[i] >= 0) close(fds[i]);
  fd_count = 0;
}

Received receive(int socket, Packet& packet) {
  iovec data{buffer, sizeof buffer};
  alignas(cmsghdr) char control[CMSG_SPACE(wire::max_fds * sizeof(int))];
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;

  ssize_t count = 0;
  do {
    count = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count < 0 && errno == EAGAIN) return Received::nothing;
  if (count <= 0) return Received::closed;  // ECONNRESET too
  if (message.msg_flags & MSG_TRUNC) in_doubt();

  packet = Packet{};
  packet.incomplete = (message.msg_flags & MSG_CTRUNC) != 0;
  packet.bytes = buffer;
  packet.size = static_cast<std::size_t>(count);
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) in_doubt();
    packet.fd_count = static_cast<int>((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    if (packet.fd_count > wire::max_fds) in_doubt();
    memcpy(packet.fds, CMSG_DATA(part), static_cast<std::size_t>(packet.fd_count) * sizeof(int));
  }
  return Received::packet;
}

bool parse_order(const Packet& packet, Order& order) {
  if (!packet.read(order.head)) return false;
  const wire::Start& head = order.head;
  if (head.version != wire::version) return false;
  const int expected = 3 + (head.is_host == 0 ? 1 : 0) + (head.extra_as != 0 ? 1 : 0);
  if (!packet.incomplete && packet.fd_count != expected) return false;
  if (head.extra_as != 0 && (head.extra_as < wire::least_extra || head.extra_as > wire::most_extra))
    return false;
  if (head.groups > wire::max_groups || head.arguments == 0) return false;
  if (head.arguments > max_strings / 2 || head.variables > max_strings / 2 - 2) return false;

  std::size_t at = sizeof(wire::Start);
  const std::size_t group_bytes = head.groups * sizeof(gid_t);
  if (packet.size - at < group_bytes) return false;
  memcpy(order.groups, packet.bytes + at, group_bytes);
  at += group_bytes;

  // The buffer has a byte more than any packet, so a last string without NUL stays inside it.
  buffer[packet.size] = 0;
  const auto next = [&]() -> char* {
    if (at >= packet.size) return nullptr;
    char* string = buffer + at;
    at += strlen(string) + 1;
    return string;
  };
  order.id = next();
  order.directory = next();
  if (!order.id || !order.directory) return false;
  char** end = strings;
  order.argv = end;
  for (std::uint32_t i = 0; i < head.arguments; ++i)
    if (!(*end++ = next())) return false;
  *end++ = nullptr;
  order.environment = end;
  for (std::uint32_t i = 0; i < head.variables; ++i)
    if (!(*end++ = next())) return false;
  *end = nullptr;
  return true;
}

}  // namespace rbit::leader
