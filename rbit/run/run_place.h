#pragma once

#include <memory>
#include <string>

namespace rbit {

class WorkPlaces;

/// Where runners find what they need; all paths absolute. Made by the app.
struct RunPlace {
  std::string leader_program;       // rbit-leader
  std::string plugin_host_program;  // rbit-plugin-host
  std::string python_program;       // python3
  std::string python_host_dir;      // holds rbit_host, rbit and coyote
  std::string state_dir;
  std::string work_dir;    // workspaces are made below it
  std::string log_dir;     // job logs
  std::string output_dir;  // artifacts, of runners without an `output-dir`
  std::string config_dir;  // of the INI file
  std::string cgroups;     // leaders' control groups are made below it; empty: none
  /// The places below `work_dir`, of all runners together; none: each runner has its own.
  std::shared_ptr<WorkPlaces> work_places{};
};

}  // namespace rbit
