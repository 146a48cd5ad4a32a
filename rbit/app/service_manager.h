#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "rbit/base/clock.h"
#include "rbit/base/fd.h"
#include "rbit/base/lifetime.h"
#include "rbit/base/task.h"

namespace rbit {

/// Tells the service manager that started us how we are, as sd_notify(3) has it: datagrams to the
/// socket that NOTIFY_SOCKET names. Without one all calls do nothing. None waits, and one that the
/// manager does not take is lost; it hears the next. On the loop's thread.
class ServiceManager {
 public:
  /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and takes them out of our environment:
  /// they are for this process alone. `clock` outlives the loop's coroutines.
  ServiceManager(const asio::any_io_executor& loop, Clock& clock);

  /// Jobs may begin; until now the start took its time. `status` here and below: one line for
  /// people, seen in `systemctl status`.
  void ready(std::string_view status);
  void status(std::string_view status);
  /// A new configuration is being read; `ready` follows.
  void reloading();
  /// We were told to stop, and take our time. What the manager allows for a start or a stop is
  /// extended as long as the loop turns.
  void stopping(std::string_view status);

 private:
  void tell(const std::string& lines);
  Task<void> feed_watchdog(std::chrono::milliseconds pause, Lifetime::Watch alive);
  Task<void> ask_for_time(Lifetime::Watch alive);

  asio::any_io_executor loop_;
  Clock& clock_;
  std::string address_;  // empty: nobody listens; a leading '@' is an abstract name
  Fd socket_;
  bool needs_time_ = true;  // it starts or stops: what the manager allows for that is extended
  Lifetime lifetime_;
};

}  // namespace rbit
