#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rbit/base/result.h"
#include "rbit/run/account.h"

namespace rbit {

/// The program that a shell line runs, where the line is one plain command and so can do nothing
/// without it: "pandoc" of "pandoc -o x.pdf %ID". None where the shell may do other things first.
std::optional<std::string> program_of(const std::string& shell_line);

/// Where jobs would find `program`, in the PATH of `environment` if it names no directory. Empty:
/// it may be there, where we cannot look.
Result<std::string> find_program(const std::string& program,
                                 const std::vector<std::string>& environment);

/// What is wrong with the words of `shell`, "/bin/bash -euo pipefail", for a line that uses these
/// variables for its placeholders; empty: nothing. Another program would read the line in another
/// way than it was checked.
std::string mistake_of_shell(const std::vector<std::string>& words,
                             const std::vector<std::string>& variables);

/// Whether a job of that account can execute the script at `path`, which is absolute: the file, the
/// directories above it, and the interpreter of its first line, which may be looked for in the PATH
/// of `environment`. What we cannot look at may be right.
Result<void> check_script(const std::string& path, const Account& account,
                          const std::vector<std::string>& environment);

}  // namespace rbit
