#pragma once

#include <string>
#include <vector>

#include "rbit/base/result.h"

namespace rbit::config {

/// The text of a password file without its last line end. An Error unless it is a regular file of
/// ours or root's that neither group nor others may open. systemd's credentials are its own
/// business: their mode is not looked at.
Result<std::string> read_secret_file(const std::string& path);

/// The whole text of a regular file of at most 4 MiB.
Result<std::string> read_text_file(const std::string& path);

/// Who besides us and root could put another text into `path`, by it or by a directory above it:
/// one Error for each, `reason` and `cure` filled in.
std::vector<Error> exposure_of(const std::string& path);

/// Who besides us and root can read the file, by its mode and those of the directories above it.
/// The group by which alone we can read a file of root's is us.
enum class Readers { none, group, all };
Readers readers_of(const std::string& path);

}  // namespace rbit::config
