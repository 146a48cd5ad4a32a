#pragma once

#include <sys/types.h>

#include <string>

#include "rbit/base/result.h"
#include "rbit/base/trusted_path.h"
#include "rbit/run/account.h"

namespace rbit {

/// Whether `make_trusted_directory` would succeed, as far as modes and places tell; makes nothing.
Result<void> can_make_directories(const std::string& path, Sharing sharing = Sharing::names);

/// Whether a job of that user, who is not us, can get into a directory that is made below `path`:
/// each directory above must let him pass; the last one we open ourselves when jobs are made there.
Result<void> can_pass(const std::string& path, const Account& account);

/// With which mode an output directory and those above it are made: private within the state
/// directory, whose owner alone looks there; elsewhere somebody named a place to fetch things from.
mode_t output_mode(const std::string& output_dir, const std::string& state_dir);

}  // namespace rbit
