#pragma once

#include <string>

#include "rbit/base/fd.h"
#include "rbit/base/result.h"

namespace rbit {

/// Whether nobody but root and us can change what `path` names: a regular file; it, every directory
/// above it and every link on the way belong to root or us, and neither group nor others may write
/// (a sticky directory such as /tmp is fine). The Error names the part that is not so and how to
/// mend it. `path` is absolute or starts at the current directory. `trusted_uid` counts as us
/// besides our effective user, for a host that runs under another user than rbit; -1: nobody.
Result<void> check_code_file(const std::string& path, long trusted_uid = -1);

/// The same, and the file opened for reading, once: load it as /proc/self/fd/N.
Result<Fd> open_code_file(const std::string& path, long trusted_uid = -1);

}  // namespace rbit
