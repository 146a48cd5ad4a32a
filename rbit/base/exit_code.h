#pragma once

namespace rbit {

/// What the process ends with; the numbers are those of <sysexits.h>. Never `ok` for a lost broker.
enum class ExitCode : int {
  ok = 0,            // asked to stop and drained
  failed = 1,        // `check` found something, `submit --wait` and `try`: the job failed
  usage = 2,         // the command line
  unavailable = 69,  // broker unreachable where that is final
  internal = 70,     // our own mistake
  temporary = 75,  // another rbit has this name; `try`: the job is blocked; `submit`: it may arrive
  no_permission = 77,
  config = 78,  // the configuration file
};

}  // namespace rbit
