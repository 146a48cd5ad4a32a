#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/core/message_fact.h"

namespace rbit {

/// A shell line whose placeholders have become quoted uses of environment variables, so that the
/// text of a message never meets the shell's parser.
struct RewrittenLine {
  std::string line;
  std::vector<std::string> variables;  // each RBIT_* that stands for a placeholder, once
  std::vector<MessageFact> facts;      // the parts of the message it asks for, each once
  std::vector<std::string> errors;     // each once; the line counts only if there are none
  std::vector<std::string> warnings;   // each once: text that may be meant otherwise
};

/// The variable by which a line finds its facts[index]: RBIT_FACT_1 and so on.
std::string fact_variable(std::size_t index);

/// %NAME, %(key)s, {settings.key}, %{...}, and %% before one of them, which makes it text. Whatever
/// else the line has reaches the shell byte for byte. Follows the quoting of the POSIX shell as far
/// as it must to know where a placeholder stands; it checks no syntax. Pure.
RewrittenLine rewrite_shell_line(std::string_view line,
                                 const std::map<std::string, std::string>& settings);

}  // namespace rbit
