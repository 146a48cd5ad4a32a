#pragma once

#include <optional>

#include "rbit/core/job_observer.h"

namespace rbit {

/// The lines of the log on what a job used and left.
class JobLines : public JobObserver {
 public:
  void finished(const Job& job, const Outcome& outcome, std::optional<Status> told) override;
};

}  // namespace rbit
