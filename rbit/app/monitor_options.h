#pragma once

#include "rbit/config/settings.h"
#include "rbit/monitor/monitor.h"

namespace rbit {

/// What the configuration says of the monitor. Throws Fatal (78) if its token cannot be read.
MonitorOptions monitor_options(const config::Settings& settings);

}  // namespace rbit
