#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "rbit/base/clock.h"
#include "rbit/core/health_settings.h"

namespace rbit {

/// Says whether this rbit is well, in BarterDude's words, to the byte. Done is a success, Failed a
/// failure, nothing else counts. Memory does not grow with the number of jobs.
class Health {
 public:
  Health(Clock& clock, const HealthSettings& settings);

  void finished(bool success);
  void connected() { connection_fails_ = 0; }
  void connection_failed() { ++connection_fails_; }

  struct Answer {
    int code = 200;    // of HTTP
    std::string body;  // JSON
  };
  /// `modules`: name and whether it is well, in the order of the answer. `unread`: queues that are
  /// not read, and why, which BarterDude has no word for: a member of its own, if there are any.
  Answer answer(const std::vector<std::pair<std::string, bool>>& modules,
                const std::map<std::string, std::string>& unread = {});

 private:
  /// Events of a short span, so that a busy window has about a thousand of them at most.
  struct Span {
    SteadyTime first, last;
    std::uint64_t success = 0, fail = 0;
  };
  void forget();

  Clock& clock_;
  HealthSettings settings_;
  std::deque<Span> spans_;
  int connection_fails_ = 0;
};

}  // namespace rbit
