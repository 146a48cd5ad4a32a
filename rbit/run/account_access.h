#pragma once

#include <string>

#include "rbit/base/result.h"
#include "rbit/run/account.h"

namespace rbit {

/// Whether a process of that account may use what is at `path`, which must be there: R_OK, X_OK or
/// both. For another account than ours by the mode alone; where an access list may know better,
/// true.
bool may_use(const std::string& path, const Account& account, int wanted);

/// The uppermost directory on the absolute `path` that the account may not pass; empty: none.
std::string closed_directory(const std::string& path, const Account& account);

}  // namespace rbit
