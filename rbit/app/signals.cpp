#include "rbit/app/signals.h"

#include <csignal>
#include <utility>

namespace rbit {

namespace {
constexpr int stops[] = {SIGINT, SIGTERM};
constexpr int others[] = {SIGHUP, SIGUSR2};
}  // namespace

Signals::Signals(const asio::any_io_executor& loop, std::function<void(int count)> stop,
                 std::function<void()> reopen, std::function<void()> reload)
    : stops_(loop),
      others_(loop),
      stop_(std::move(stop)),
      reopen_(std::move(reopen)),
      reload_(std::move(reload)) {
  for (const int signal : stops) stops_.add(signal);
  for (const int signal : others) others_.add(signal);
  std::signal(SIGPIPE, SIG_IGN);  // a peer that went away is an error code, not our death
  std::signal(SIGXFSZ, SIG_IGN);  // and so is a file that reached the limit of its size
  wait_for_stop();
  wait_for_another();
}

Signals::~Signals() {
  sigset_t ours;
  sigemptyset(&ours);
  for (const int signal : stops) sigaddset(&ours, signal);
  for (const int signal : others) sigaddset(&ours, signal);
  pthread_sigmask(SIG_BLOCK, &ours, nullptr);  // while asio gives them back to their default, death
  stops_.clear();
  others_.clear();
  for (const int signal : stops) std::signal(signal, SIG_IGN);
  for (const int signal : others) std::signal(signal, SIG_IGN);
}

void Signals::wait_for_stop() {
  stops_.async_wait([this](boost::system::error_code cancelled, int) {
    if (cancelled) return;
    stop_(++count_);
    wait_for_stop();
  });
}

void Signals::wait_for_another() {
  others_.async_wait([this](boost::system::error_code cancelled, int signal) {
    if (cancelled) return;
    signal == SIGHUP ? reload_() : reopen_();
    wait_for_another();
  });
}

}  // namespace rbit
