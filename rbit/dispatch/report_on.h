#pragma once

#include <string>

#include "rbit/base/clock.h"
#include "rbit/core/job.h"
#include "rbit/core/report.h"

namespace rbit {

/// A status of a job, now, as the journal takes it.
Report report_on(const Job& job, Status status, std::string reason, std::string message,
                 const Clock& clock);

}  // namespace rbit
