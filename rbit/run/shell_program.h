#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rbit/base/result.h"

namespace rbit {

/// The program that a shell line runs, where the line is one plain command and so can do nothing
/// without it: "pandoc" of "pandoc -o x.pdf %ID". None where the shell may do other things first.
std::optional<std::string> program_of(const std::string& shell_line);

/// Where jobs would find `program`, in the PATH of `environment` if it names no directory. Empty:
/// it may be there, where we cannot look.
Result<std::string> find_program(const std::string& program,
                                 const std::vector<std::string>& environment);

}  // namespace rbit
