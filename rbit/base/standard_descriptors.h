#pragma once

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

namespace rbit {

/// Whatever is missing of descriptors 0, 1 and 2 leads to /dev/null from now on: else the next file
/// that is opened would be standard error, and get what is written there. For the first line of
/// `main`. For rbit-leader too, so without the C++ library.
inline void need_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    int made = open("/dev/null", O_RDWR);
    // Where there is none, something nobody can read or write.
    if (made < 0) made = open("/", O_PATH | O_DIRECTORY);
    if (made != fd) _exit(71);  // EX_OSERR; the lowest free number is the one that open() gives
  }
}

}  // namespace rbit
