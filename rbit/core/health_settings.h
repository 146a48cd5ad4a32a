#pragma once

#include <chrono>

namespace rbit {

/// When an rbit counts as well.
struct HealthSettings {
  double success_rate = 0.95;  // of the jobs that ended within the window
  std::chrono::milliseconds window{60'000};
  int max_connection_fails = 3;  // in a row
};

}  // namespace rbit
