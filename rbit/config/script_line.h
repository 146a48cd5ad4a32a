#pragma once

#include <string>
#include <string_view>

namespace rbit::config {

/// The value of `script`, taken apart.
struct ScriptLine {
  std::string file;  // without quotes, as it stands
  std::string
      arguments;        // in one line, each behind a blank, for the shell that makes words of them
  std::string mistake;  // with its cure; the rest counts only if there is none
};

/// The file is a plain name, or one in quotes. The arguments are words of the shell: quotes,
/// variables and placeholders count, and whatever would be more than a word is a mistake. Pure.
ScriptLine read_script_line(std::string_view value);

/// `path` as one word of a shell line in which placeholders count, whatever is in it.
std::string quoted_path(std::string_view path);

}  // namespace rbit::config
