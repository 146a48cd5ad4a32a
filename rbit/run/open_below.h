#pragma once

#include <string>

#include "rbit/base/fd.h"

namespace rbit {

enum class Mounts { enter, keep_out };

/// Opens `relative`, which must not lead out of `directory` nor through a symbolic link: openat2
/// with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS. No descriptor: errno has it, ELOOP for a link,
/// EXDEV for what lies elsewhere. `flags` have O_CLOEXEC, O_NOFOLLOW and no O_CREAT.
Fd open_below(int directory, const std::string& relative, int flags, Mounts mounts);

/// The same part by part, for kernels before 5.6, valgrind and sandboxes, which have no openat2.
/// `open_below` comes here by itself.
Fd open_below_in_steps(int directory, const std::string& relative, int flags, Mounts mounts);

}  // namespace rbit
