#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace rbit {

/// What stands for a field of the job or for a setting in a shell line: %ID, %(key)s,
/// {settings.key}.
struct ShellPlaceholder {
  std::size_t length = 0;  // in the line; 0: there is none, it is the shell's own text
  std::string shown;       // as it stands there
  std::string variable;    // whose value it is
  std::string mistake;     // it is none, but somebody meant one
};

/// What `rest` of a line begins with.
ShellPlaceholder placeholder_at(std::string_view rest,
                                const std::map<std::string, std::string>& settings);

/// Whether `rest` begins with %% before the name of a placeholder: that name as text, with one %.
bool is_escaped_placeholder(std::string_view rest,
                            const std::map<std::string, std::string>& settings);

/// Says which placeholder somebody may have meant by text such as %IDENT that is none, or returns
/// "".
std::string doubt_about(std::string_view rest);

}  // namespace rbit
