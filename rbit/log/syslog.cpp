#include "rbit/log/syslog.h"

#include <netdb.h>
#include <sys/un.h>
#include <syslog.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace rbit::log {

namespace {

/// syslog's severities for spdlog's levels.
int severity(spdlog::level::level_enum level) {
  constexpr int severities[] = {LOG_DEBUG, LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR, LOG_CRIT};
  return severities[level];
}

}  // namespace

SyslogSocket::SyslogSocket(std::string path, int facility)
    : shown_(std::move(path)), facility_(facility) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (shown_.size() >= sizeof address.sun_path)
    throw spdlog::spdlog_ex(shown_ + " is too long for a socket");
  std::memcpy(address.sun_path, shown_.c_str(), shown_.size());
  const auto* bytes = reinterpret_cast<const unsigned char*>(&address);
  for (const int type : {SOCK_DGRAM, SOCK_STREAM})
    ways_.push_back({AF_UNIX, type, {bytes, bytes + sizeof address}});
}

SyslogSocket::SyslogSocket(const std::string& host, int port, int facility)
    : shown_(host + ":" + std::to_string(port)), host_(host), port_(port), facility_(facility) {}

void SyslogSocket::find_host() {
  addrinfo wanted{}, *found = nullptr;
  wanted.ai_socktype = SOCK_DGRAM;
  const std::string host = std::exchange(host_, "");
  const int failed = ::getaddrinfo(host.c_str(), std::to_string(port_).c_str(), &wanted, &found);
  if (failed != 0) {  // SIGHUP asks again
    shown_ += std::string(" (") + ::gai_strerror(failed) + ")";
    return;
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  for (; found; found = found->ai_next) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(found->ai_addr);
    ways_.push_back({found->ai_family, SOCK_DGRAM, {bytes, bytes + found->ai_addrlen}});
  }
}

bool SyslogSocket::connect() {
  for (const Way& way : ways_) {
    Fd made(::socket(way.family, way.type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_storage address{};
    std::memcpy(&address, way.address.data(), std::min(way.address.size(), sizeof address));
    if (made && ::connect(made.get(), reinterpret_cast<const sockaddr*>(&address),
                          static_cast<socklen_t>(way.address.size())) == 0) {
      socket_ = std::move(made);
      return true;
    }
  }
  return false;
}

void SyslogSocket::sink_it_(const spdlog::details::log_msg& message) {
  const std::string text = "<" + std::to_string(facility_ * 8 + severity(message.level)) + ">" +
                           std::string(message.payload.data(), message.payload.size());
  if (!host_.empty()) find_host();
  // Twice: the daemon may have been started anew since the last line.
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (!socket_ && !connect()) break;
    // With its NUL: on a stream it is what ends a line, elsewhere daemons look over it.
    if (::send(socket_.get(), text.c_str(), text.size() + 1, MSG_NOSIGNAL) >= 0) return;
    if (errno == EAGAIN || errno == EMSGSIZE) break;
    socket_.reset();
  }
  if (ways_.empty()) throw spdlog::spdlog_ex("no line for syslog at " + shown_);
  throw spdlog::spdlog_ex("no line for syslog at " + shown_, errno);
}

}  // namespace rbit::log
