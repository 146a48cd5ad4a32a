#include "rbit/core/status.h"

#include <array>
#include <utility>

namespace rbit {

namespace {
constexpr std::array<std::pair<Status, std::string_view>, 6> names{{
    {Status::waiting, "Waiting"},
    {Status::building, "Building"},
    {Status::done, "Done"},
    {Status::failed, "Failed"},
    {Status::blocked, "Blocked"},
    {Status::cancelled, "Cancelled"},
}};
}  // namespace

std::string_view to_string(Status status) {
  for (const auto& [known, name] : names)
    if (known == status) return name;
  return "";
}

std::optional<Status> status_from(std::string_view name) {
  for (const auto& [status, known] : names)
    if (known == name) return status;
  return std::nullopt;
}

}  // namespace rbit
