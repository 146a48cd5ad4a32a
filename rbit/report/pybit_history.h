#pragma once

#include <string_view>

#include "rbit/core/standing.h"
#include "rbit/report/pybit_address.h"

namespace rbit {

/// What a front-end's answer to GET /job/ID/status says: the last of its JobHistory entries
/// decides. Anything else is `unclear`.
Standing read_history(std::string_view body, const PybitSettings& settings);

}  // namespace rbit
