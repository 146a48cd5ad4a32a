#pragma once

#include <string>
#include <vector>

#include "rbit/base/result.h"

namespace rbit::config {

/// The text of a password file without its last line end. An Error unless it is a regular file of
/// ours or root's that neither group nor others may open (RELIABILITY.md 3).
Result<std::string> read_secret_file(const std::string& path);

/// The whole text of a regular file of at most 4 MiB.
Result<std::string> read_text_file(const std::string& path);

/// Who besides us and root could put another text into `path`, by it or by a directory above it
/// (RELIABILITY.md 7, rule 9): one Error for each, `reason` and `cure` filled in.
struct Exposure {
  std::vector<Error> everybody;  // anybody may write there
  std::vector<Error> somebody;   // a group may, or the owner is another user
};
Exposure exposure_of(const std::string& path);

/// Whether group or others may read the file.
bool is_readable_by_others(const std::string& path);

}  // namespace rbit::config
