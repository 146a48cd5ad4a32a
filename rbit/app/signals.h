#pragma once

#include <boost/asio/signal_set.hpp>
#include <functional>

#include "rbit/base/task.h"

namespace rbit {

/// SIGINT and SIGTERM, counted: the first drains, the second interrupts the jobs, the third kills
/// them. SIGPIPE and SIGXFSZ are ignored; SIGUSR2 and SIGHUP open the log
/// file again. Its end is the end of
/// the process: all of them are ignored from then on, so that none changes the exit code any more.
class Signals {
 public:
  Signals(const asio::any_io_executor& loop, std::function<void(int count)> stop,
          std::function<void()> reopen);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  void wait();

  asio::signal_set set_;
  std::function<void(int)> stop_;
  std::function<void()> reopen_;
  int count_ = 0;
};

}  // namespace rbit
