#pragma once

#include <string>

#include "rbit/core/report.h"
#include "rbit/log/record.h"

namespace rbit {

/// What tells of the job in a JSON record of the log.
log::Fields log_fields(const Report& report);

/// `<key>:<attempt>:<seq>`, the same for each try of one report; at most 255 bytes.
std::string message_id(const Report& report);

}  // namespace rbit
