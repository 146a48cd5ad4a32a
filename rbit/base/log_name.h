#pragma once

#include <string>

namespace rbit::log {

/// What records of the logger "rbit" and its children are shown as: "builds" makes "rbit.x"
/// "builds.x". Empty: as they are. Handlers and levels go by the real name. Called at start.
void show_as(std::string name);

}  // namespace rbit::log
