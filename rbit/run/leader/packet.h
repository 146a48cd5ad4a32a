#pragma once

#include <sys/types.h>

#include <cstddef>

#include "rbit/run/leader_wire.h"

namespace rbit::leader {

/// One packet from rbit, in the leader's only buffer: good until the next one is received.
struct Packet {
  const char* bytes = nullptr;
  std::size_t size = 0;
  int fds[wire::max_fds] = {-1, -1, -1, -1, -1};
  int fd_count = 0;
  bool incomplete = false;  // there were more descriptors than we may have

  /// The struct at its beginning, or false if it is too short for one.
  template <class T>
  bool read(T& out) const {
    if (size < sizeof(T)) return false;
    __builtin_memcpy(&out, bytes, sizeof(T));
    return true;
  }
  void close_fds();
};

enum class Received { packet, closed, nothing };

/// Takes one packet without waiting. What does not fit or comes with odd descriptors ends the
/// leader: in doubt about its state it exits, and rbit starts another one.
Received receive(int socket, Packet& packet);

/// A Start taken apart; pointers lead into the packet.
struct Order {
  wire::Start head{};
  gid_t groups[wire::max_groups];
  const char* id = nullptr;
  const char* directory = nullptr;
  char** argv = nullptr;
  char** environment = nullptr;
};

/// Returns false if it is not a whole Start.
bool parse_order(const Packet& packet, Order& order);

[[noreturn]] void in_doubt();

}  // namespace rbit::leader
