#pragma once

#include <optional>
#include <string_view>

#include "rbit/log/record.h"

namespace rbit::log {

/// The level of the logger "roadrunners", if the configuration has one of that name.
std::optional<Level> runner_level();

/// Hands on what a runner logs, as a record of the logger "roadrunners", if the configuration has a
/// logger of that name. Else nobody hears it: it stands in the job's own log.
/// `level` is the runner's word for it: "debug", "WARNING", ...; others count as info.
void of_runner(std::string_view level, std::string_view message);

}  // namespace rbit::log
