#pragma once

#include <csignal>

/// SIGTERM and SIGINT, which belong to rbit: they ask for the running job to be cancelled.
namespace rbit::plugin_host::cancel_flag {

/// From now on both signals only raise the flag.
void install();
bool raised();  // async-signal-safe
/// Lowers the flag and forgets what is pending. REQUIRES: both signals are blocked.
void lower();

/// Blocks both signals in this thread as long as it lives.
class Blocked {
 public:
  Blocked();
  ~Blocked();
  Blocked(const Blocked&) = delete;
  Blocked& operator=(const Blocked&) = delete;
  /// The mask from before, for ppoll.
  const sigset_t& outer() const { return outer_; }

 private:
  sigset_t outer_;
};

}  // namespace rbit::plugin_host::cancel_flag
