#pragma once

#include <optional>
#include <string_view>

namespace rbit {

/// What the world is told of a job. The names are PyBit's.
enum class Status { waiting, building, done, failed, blocked, cancelled };

std::string_view to_string(Status status);                 // "Waiting", "Building", ...
std::optional<Status> status_from(std::string_view name);  // as `to_string` spells them

/// Nothing is reported of a job after one of these.
inline bool is_final(Status status) {
  return status == Status::done || status == Status::failed || status == Status::cancelled;
}

}  // namespace rbit
