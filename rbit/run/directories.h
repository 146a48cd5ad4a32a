#pragma once

#include <sys/types.h>

#include <string>

#include "rbit/base/result.h"

namespace rbit {

/// Makes the directory and those above it that are missing, all with `mode` less the umask. One
/// that is there already is fine as it is.
Result<void> make_directories(const std::string& path, mode_t mode);

}  // namespace rbit
