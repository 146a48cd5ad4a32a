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

/// What helps against it.
inline const char* cure_of_shortage(int number) {
  switch (number) {
    case EMFILE:
      return "raise LimitNOFILE= of the service or ulimit -n, or have fewer slots";
    case ENFILE:
      return "raise the sysctl fs.file-max, or have fewer slots";
    case EAGAIN:
      return "raise TasksMax= of the service, ulimit -u or the container's limit of processes, or "
             "have fewer slots";
    case ENOSPC:
    case EDQUOT:
      return "make room on the disk";
    default:
      return "have fewer slots, or more memory";
  }
}

}  // namespace rbit
