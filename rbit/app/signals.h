#pragma once

#include <boost/asio/signal_set.hpp>
#include <functional>

#include "rbit/base/task.h"

namespace rbit {

/// SIGINT and SIGTERM, counted: the first drains, the second interrupts the jobs, the third kills
/// them. SIGPIPE and SIGXFSZ are ignored; SIGHUP opens the log file again.
class Signals {
 public:
  Signals(const asio::any_io_executor& loop, std::function<void(int count)> stop,
          std::function<void()> reopen);

 private:
  void wait();

  asio::signal_set set_;
  std::function<void(int)> stop_;
  std::function<void()> reopen_;
  int count_ = 0;
};

}  // namespace rbit
