#pragma once

#include <optional>
#include <string>

#include "rbit/config/settings.h"

/// Variables of BarterDude and asyncworker, read where the INI says nothing, as their users have
/// them set already.
namespace rbit::config {

/// None if it is not set, or empty.
std::optional<std::string> environment_of(const char* variable);

/// A start error: "environment: NAME: 'x' is not ...".
void environment_error(const char* variable, const std::string& value, const std::string& wanted,
                       Loaded& loaded);

}  // namespace rbit::config
