#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "rbit/base/fd.h"
#include "rbit/log/file.h"

namespace rbit::log {

/// Python's SysLogHandler: "<PRIORITY>text" as a datagram, to a socket such as /dev/log or by UDP.
/// Never waits but for a host's address: what nobody takes at once is lost. spdlog's own sink goes
/// to /dev/log only, and changes the process's openlog().
class SyslogSocket : public Place {
 public:
  SyslogSocket(std::string path, int facility);
  /// The host's address is asked for with the first line, once: this may take a while.
  SyslogSocket(const std::string& host, int port, int facility);

  /// None before the host's address is known.
  std::size_t room(std::chrono::milliseconds) const override {
    return host_.empty() ? std::numeric_limits<std::size_t>::max() : 0;
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) final;
  bool connect();
  void find_host();

  struct Way {  // one address to try
    int family, type;
    std::vector<unsigned char> address;
  };

  std::string shown_;
  std::string host_;  // whose address is still to be asked for
  int port_ = 0;
  int facility_;
  std::vector<Way> ways_;
  Fd socket_;
};

}  // namespace rbit::log
