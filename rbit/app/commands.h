#pragma once

#include "rbit/app/options.h"
#include "rbit/base/exit_code.h"

namespace rbit {

// The commands, one file each: `NAME_command.cpp`. They throw Fatal for what ends them at once.
ExitCode run_command(const Arguments& arguments);
ExitCode check_command(const Arguments& arguments);
ExitCode submit_command(const Arguments& arguments);
ExitCode validate_command(const Arguments& arguments);
ExitCode try_command(const Arguments& arguments);
ExitCode status_command(const Arguments& arguments);
ExitCode jobs_command(const Arguments& arguments);
ExitCode explain_command(const Arguments& arguments);
ExitCode log_command(const Arguments& arguments);
ExitCode cancel_command(const Arguments& arguments);
ExitCode retry_command(const Arguments& arguments);
ExitCode pause_command(const Arguments& arguments);
ExitCode resume_command(const Arguments& arguments);
ExitCode reload_command(const Arguments& arguments);
ExitCode dead_command(const Arguments& arguments);
ExitCode config_command(const Arguments& arguments);

}  // namespace rbit
