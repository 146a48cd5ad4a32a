#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "rbit/base/time_text.h"

namespace rbit {

/// How a command writes for people.
struct TextStyle {
  Zone zone = Zone::local;
  bool colours = false;
  std::size_t width = 0;  // of the terminal; 0: there is none
};

/// "2026-11-29 03:12:04" in that zone, "-" for 0. `micros` since 1970.
std::string moment_text(std::int64_t micros, Zone zone);
/// "03:12:04", with the day before it if that is not the day of `now`.
std::string time_of_day(std::int64_t micros, std::int64_t now, Zone zone);
/// "2d 03h", "2h 03m", "4m 09s", "12s"
std::string span_text(std::int64_t micros);

/// What `rbit status` prints of a status (status_report.h). `now`: microseconds since 1970.
std::string status_text(const nlohmann::json& status, std::int64_t now, const TextStyle& style);

}  // namespace rbit
