#pragma once

#include <string>

#include "rbit/app/configuration.h"

namespace rbit {

/// Throws Fatal{usage}, with what may have been meant, if the configuration has no such runner.
void need_runner(const Configuration& configuration, const std::string& name);

}  // namespace rbit
