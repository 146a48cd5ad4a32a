#include "runners/plugin/host/cancel_flag.h"

#include <pthread.h>

#include <atomic>
#include <ctime>

namespace rbit::plugin_host::cancel_flag {
namespace {

// A handler reaches nothing but a global.
std::atomic<bool> flag{false};
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void raise_flag(int) {
  flag.store(true, std::memory_order_relaxed);
}

sigset_t both() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

void install() {
  struct sigaction action = {};
  action.sa_handler = raise_flag;
  // No SA_RESTART: a plugin that sleeps or waits shall wake up and look.
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

bool raised() {
  return flag.load(std::memory_order_relaxed);
}

void lower() {
  const sigset_t set = both();
  const timespec at_once = {};
  while (sigtimedwait(&set, nullptr, &at_once) > 0) {
  }
  flag.store(false, std::memory_order_relaxed);
}

Blocked::Blocked() {
  const sigset_t set = both();
  pthread_sigmask(SIG_BLOCK, &set, &outer_);
}

Blocked::~Blocked() {
  pthread_sigmask(SIG_SETMASK, &outer_, nullptr);
}

}  // namespace rbit::plugin_host::cancel_flag
