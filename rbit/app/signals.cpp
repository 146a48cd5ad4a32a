#include "rbit/app/signals.h"

#include <csignal>
#include <utility>

namespace rbit {

Signals::Signals(const asio::any_io_executor& loop, std::function<void(int count)> stop,
                 std::function<void()> reopen)
    : set_(loop, SIGINT, SIGTERM, SIGHUP), stop_(std::move(stop)), reopen_(std::move(reopen)) {
  std::signal(SIGPIPE, SIG_IGN);  // a peer that went away is an error code, not our death
  std::signal(SIGXFSZ, SIG_IGN);  // and so is a file that reached the limit of its size
  wait();
}

Signals::~Signals() {
  sigset_t ours;
  sigemptyset(&ours);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ours, signal);
  pthread_sigmask(SIG_BLOCK, &ours, nullptr);  // while asio gives them back to their default, death
  set_.clear();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, SIG_IGN);
}

void Signals::wait() {
  set_.async_wait([this](boost::system::error_code cancelled, int signal) {
    if (cancelled) return;
    if (signal == SIGHUP)
      reopen_();
    else
      stop_(++count_);
    wait();
  });
}

}  // namespace rbit
