#pragma once

#include <string>

#include "rbit/run/shell_frame.h"
#include "rbit/run/shell_placeholder.h"

namespace rbit {

/// Why a part of the message may not stand in the command that is being read in `frame`, and the
/// cure: it would choose the program, or an interpreter, such as awk or "python3 -c", would run it.
/// `is_innermost`: it stands in that frame and not in one that was opened in it. Knows the
/// interpreters people write lines for. Empty: it may. So may fields, whose letters are safe.
std::string mistake_in_command(const ShellPlaceholder& found, const ShellFrame& frame,
                               bool is_innermost);

}  // namespace rbit
