#include "rbit/app/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include "rbit/base/text.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

// While it starts or stops: so often it asks for so much more. A loop that hangs gets no more of
// it.
constexpr std::chrono::milliseconds asking_pause{10'000};
constexpr std::int64_t asked_micros = 60'000'000;
constexpr std::size_t longest_status = 300;

std::string taken_variable(const char* name) {
  const char* const value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  ::unsetenv(name);
  return text;
}

std::string status_line(std::string_view status) {
  return "STATUS=" + text::one_line(status, longest_status) + "\n";
}

/// What the manager wants to hear from time to time; none: it does not.
std::optional<std::chrono::milliseconds> watchdog_pause() {
  const std::string limit = taken_variable("WATCHDOG_USEC"), pid = taken_variable("WATCHDOG_PID");
  if (!pid.empty() && pid != std::to_string(::getpid())) return std::nullopt;  // somebody else's
  long long micros = 0;
  if (!text::parse_number(limit, 1, INT64_MAX / 2, micros)) return std::nullopt;
  // Half of it, as sd_watchdog_enabled(3) asks for.
  return std::chrono::milliseconds(std::max<long long>(1, micros / 2000));
}

}  // namespace

ServiceManager::ServiceManager(const asio::any_io_executor& loop, Clock& clock)
    : loop_(loop), clock_(clock), address_(taken_variable("NOTIFY_SOCKET")) {
  const auto pause = watchdog_pause();
  if (address_.empty()) return;
  const bool is_address = address_.front() == '/' || address_.front() == '@';
  if (!is_address || address_.size() < 2 || address_.size() >= sizeof(sockaddr_un::sun_path)) {
    log::warning("NOTIFY_SOCKET is no path and no @NAME: the service manager hears nothing of us");
    address_.clear();
    return;
  }
  socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  spawn(loop_, ask_for_time(lifetime_.watch()), "asking for time to start");
  if (pause) spawn(loop_, feed_watchdog(*pause, lifetime_.watch()), "the watchdog");
}

void ServiceManager::ready(std::string_view status) {
  needs_time_ = false;
  tell("READY=1\n" + status_line(status));
}

void ServiceManager::status(std::string_view status) {
  tell(status_line(status));
}

void ServiceManager::reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const std::int64_t micros = std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
  tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(micros) + "\n");
}

void ServiceManager::stopping(std::string_view status) {
  tell("STOPPING=1\n" + status_line(status));
  if (std::exchange(needs_time_, true) || address_.empty()) return;
  spawn(loop_, ask_for_time(lifetime_.watch()), "asking for time to stop");
}

Task<void> ServiceManager::feed_watchdog(std::chrono::milliseconds pause, Lifetime::Watch alive) {
  while (!alive.is_over()) {
    tell("WATCHDOG=1\n");
    co_await clock_.sleep_for(pause);
  }
}

Task<void> ServiceManager::ask_for_time(Lifetime::Watch alive) {
  while (!alive.is_over() && needs_time_) {
    tell("EXTEND_TIMEOUT_USEC=" + std::to_string(asked_micros) + "\n");
    co_await clock_.sleep_for(asking_pause);
  }
}

void ServiceManager::tell(const std::string& lines) {
  if (address_.empty() || !socket_) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  if (address_.front() == '@') to.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  const auto sent = ::sendto(socket_.get(), lines.data(), lines.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&to), size);
  if (sent < 0)
    log::debug("the service manager did not hear of us: " + std::generic_category().message(errno));
}

}  // namespace rbit
