#pragma once

#include <optional>
#include <string_view>

#include "rbit/base/names.h"

namespace rbit {

/// What the world is told of a job. The names are PyBit's.
enum class Status { waiting, building, done, failed, blocked, cancelled };

inline constexpr Named<Status> status_names[] = {
    {Status::waiting, "Waiting"}, {Status::building, "Building"}, {Status::done, "Done"},
    {Status::failed, "Failed"},   {Status::blocked, "Blocked"},   {Status::cancelled, "Cancelled"}};

constexpr std::string_view to_string(Status status) {
  return name_in(status_names, status);
}
constexpr std::optional<Status> status_from(std::string_view name) {
  return value_in(status_names, name);
}

/// Nothing is reported of a job after one of these.
inline bool is_final(Status status) {
  return status == Status::done || status == Status::failed || status == Status::cancelled;
}

}  // namespace rbit
