#pragma once

#include <boost/asio/signal_set.hpp>
#include <functional>

#include "rbit/base/task.h"

namespace rbit {

/// SIGINT and SIGTERM, counted: the first drains, the second interrupts the jobs, the third kills
/// them. SIGUSR2 opens the log files again, SIGHUP reads the configuration again. SIGPIPE and
/// SIGXFSZ are ignored. Its end is the end of the process: all of them are ignored from then on, so
/// that none changes the exit code any more.
class Signals {
 public:
  Signals(const asio::any_io_executor& loop, std::function<void(int count)> stop,
          std::function<void()> reopen, std::function<void()> reload);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  void wait_for_stop();
  void wait_for_another();

  asio::signal_set stops_, others_;  // one set would give the lower number first, again and again
  std::function<void(int)> stop_;
  std::function<void()> reopen_, reload_;
  int count_ = 0;
};

}  // namespace rbit
