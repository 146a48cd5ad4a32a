#include "rbit/core/status.h"

#include "rbit/base/names.h"

namespace rbit {

namespace {
constexpr Named<Status> names[] = {{Status::waiting, "Waiting"}, {Status::building, "Building"},
                                   {Status::done, "Done"},       {Status::failed, "Failed"},
                                   {Status::blocked, "Blocked"}, {Status::cancelled, "Cancelled"}};
}  // namespace

std::string_view to_string(Status status) {
  return name_in(names, status);
}

std::optional<Status> status_from(std::string_view name) {
  return value_in(names, name);
}

}  // namespace rbit
