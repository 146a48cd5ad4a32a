#pragma once

#include <ctime>
#include <string>

namespace rbit {

enum class Zone { utc, local };

/// What strftime makes of `format`, at most 255 bytes.
std::string time_text(std::time_t seconds, const char* format, Zone zone);

}  // namespace rbit
