#pragma once

#include <cerrno>

namespace rbit {

/// Whether a system call failed for want of something that this machine, or our user on it, may
/// have again in a while: descriptors, processes, memory, room on the disk. Nothing that a job
/// could be blamed for, unless a limit of its own was met.
inline bool is_shortage(int number) {
  switch (number) {
    case EMFILE:
    case ENFILE:
    case EAGAIN:
    case ENOMEM:
    case ENOBUFS:
    case ENOSPC:
    case EDQUOT:
      return true;
    default:
      return false;
  }
}

}  // namespace rbit
