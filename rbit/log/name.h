#pragma once

#include <string>
#include <string_view>

namespace rbit::log {

/// What records of the logger "rbit" and its children are shown as: "builds" makes "rbit.x"
/// "builds.x". Empty: as they are. Handlers and levels go by the real name. Called at start.
void show_as(std::string name);
std::string shown_name(std::string_view logger);

}  // namespace rbit::log
