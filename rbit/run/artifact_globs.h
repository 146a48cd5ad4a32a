#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/base/fd.h"
#include "rbit/base/result.h"

namespace rbit {

/// Why `pattern` cannot be a glob for artifacts, or "": for the check of a configuration.
std::string wrong_glob(std::string_view pattern);

/// Paths below `directory`, in the order of the alphabet, that match `pattern`: *, ? and [...]
/// within a name, ** as a name of its own for any number of directories. Directories do not match
/// and links are not followed; a link in the last place is a match, for the caller to refuse. A
/// leading dot must be written. An Error: a wrong pattern, more than `limit` matches, or too much
/// to look at.
Result<std::vector<std::string>> match_artifacts(const Fd& directory, const std::string& pattern,
                                                 std::size_t limit);

}  // namespace rbit
