#pragma once

#include <string>

#include "rbit/config/settings.h"

namespace rbit {

struct RetriedJob {
  std::string key;    // of the new one
  std::string of;     // of the job it repeats
  std::string queue;  // that both came from
};

/// Has a job that is over done once more, as a new message. Of one that failed its dead letter
/// becomes that; else the rbit that runs may hold its message. `name` as History::find takes it.
/// Blocks; throws Fatal.
RetriedJob retry_job(const config::Settings& settings, const std::string& name);

}  // namespace rbit
