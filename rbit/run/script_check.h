#pragma once

#include <string>
#include <vector>

#include "rbit/base/result.h"
#include "rbit/run/account.h"

namespace rbit {

/// Whether a job of that account can execute the script at `path`, which is absolute: the file, the
/// directories above it, and the interpreter of its first line, which may be looked for in the PATH
/// of `environment`. What we cannot look at may be right.
Result<void> check_script(const std::string& path, const Account& account,
                          const std::vector<std::string>& environment);

}  // namespace rbit
