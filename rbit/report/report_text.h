#pragma once

#include <string>

#include "rbit/core/report.h"

namespace rbit {

/// `<key>:<attempt>:<seq>`, the same for each try of one report; at most 255 bytes.
std::string message_id(const Report& report);

}  // namespace rbit
