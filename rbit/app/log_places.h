#pragma once

#include <string>

#include "rbit/base/result.h"
#include "rbit/config/settings.h"

namespace rbit {

/// Whether nobody but root and us decides where a log is written. The group of a directory may
/// write to it, as to /var/log where syslog is a user of its own. Devices, pipes and what is
/// standard output or error are as they are.
Result<void> check_log_place(const std::string& path);
/// Checks all log files of a configuration and returns the first Error.
Result<void> check_log_places(const config::LogSettings& log);

}  // namespace rbit
