#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>

#include "rbit/core/job_observer.h"
#include "rbit/core/message.h"

namespace rbit {

/// The messages of the jobs that ended last, so that they can be done again: of a job that is done
/// nothing else holds it. In memory alone, and not more of it for more jobs. On the loop's thread.
class RecentMessages : public JobObserver {
 public:
  static constexpr std::size_t most_jobs = 250;
  static constexpr std::size_t most_bytes = 1 << 20;  // of bodies, headers and properties

  void finished(const Job& job, const Outcome& outcome, std::optional<Status> told) override;
  /// The message of the last job of that key that ended; none: it is not held, or not any more.
  std::optional<Message> of(const std::string& key) const;

 private:
  struct Held {
    std::string key;
    Message message;
    std::size_t bytes = 0;
  };
  std::deque<Held> held_;  // the oldest first
  std::size_t bytes_ = 0;
};

}  // namespace rbit
