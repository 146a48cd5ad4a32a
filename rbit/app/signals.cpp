#include "rbit/app/signals.h"

#include <csignal>
#include <utility>

namespace rbit {

namespace {
constexpr int heard[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR2};
}  // namespace

Signals::Signals(const asio::any_io_executor& loop, std::function<void(int count)> stop,
                 std::function<void()> reopen)
    : set_(loop), stop_(std::move(stop)), reopen_(std::move(reopen)) {
  for (const int signal : heard) set_.add(signal);
  std::signal(SIGPIPE, SIG_IGN);  // a peer that went away is an error code, not our death
  std::signal(SIGXFSZ, SIG_IGN);  // and so is a file that reached the limit of its size
  wait();
}

Signals::~Signals() {
  sigset_t ours;
  sigemptyset(&ours);
  for (const int signal : heard) sigaddset(&ours, signal);
  pthread_sigmask(SIG_BLOCK, &ours, nullptr);  // while asio gives them back to their default, death
  set_.clear();
  for (const int signal : heard) std::signal(signal, SIG_IGN);
}

void Signals::wait() {
  set_.async_wait([this](boost::system::error_code cancelled, int signal) {
    if (cancelled) return;
    if (signal == SIGHUP || signal == SIGUSR2)
      reopen_();
    else
      stop_(++count_);
    wait();
  });
}

}  // namespace rbit
