#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "rbit/app/status_text.h"

namespace rbit {

/// A job of `rbit jobs` as one line for a pipe: when, how and what; names are whole, to be pasted.
/// `now`: microseconds since 1970.
std::string job_line(const nlohmann::json& job, std::int64_t now, Zone zone);

/// The jobs as a table for a terminal. A key is as short as it may be to be told from the others.
std::string job_table(const nlohmann::json& jobs, std::int64_t now, const TextStyle& style);

}  // namespace rbit
