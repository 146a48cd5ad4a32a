#pragma once

#include <string>
#include <string_view>

/// These rules for what a [runner:NAME] section says hold for its reader and for who runs its jobs.
namespace rbit {

/// What runners log is of this logger: Connexions' roadrunners called it so, and their logging
/// sections still do.
inline constexpr const char* runners_logger = "roadrunners";

/// Says why it is no pattern of `artifacts`, as the end of a sentence about it, or returns "".
std::string wrong_pattern(std::string_view pattern);

/// Names the variable by which a job finds a setting: "output-dir" -> "RBIT_SETTING_OUTPUT_DIR".
std::string setting_variable(std::string_view key);
/// The same of a header, "x-kind" -> "RBIT_HEADER_X_KIND", and of a member of a message's object.
std::string header_variable(std::string_view name);
std::string body_variable(std::string_view name);

}  // namespace rbit
