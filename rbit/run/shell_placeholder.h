#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "rbit/core/message_fact.h"

namespace rbit {

/// What stands for a field of the job, for a setting or for a part of its message in a shell line:
/// %ID, %(key)s, {settings.key}, %{/order/id}.
struct ShellPlaceholder {
  std::size_t length = 0;           // in the line; 0: there is none, it is the shell's own text
  std::string shown;                // as it stands there
  std::string variable;             // whose value it is; empty: one that the line numbers
  std::string mistake;              // it is none, but somebody meant one
  std::optional<MessageFact> fact;  // the part of the message, whatever is wrong with it

  bool is_known() const { return length > 0 && mistake.empty(); }
};

/// The capitals behind the % that `rest` begins with: a placeholder's name, if there are two.
std::string capitals_of(std::string_view rest);

/// What `rest` of a line begins with.
ShellPlaceholder placeholder_at(std::string_view rest,
                                const std::map<std::string, std::string>& settings);

/// Whether `rest` begins with %% before the name of a placeholder, or before a %{...} that somebody
/// could take for one: that name as text, with one %.
bool is_escaped_placeholder(std::string_view rest,
                            const std::map<std::string, std::string>& settings);

/// Says which placeholder somebody may have meant by text such as %IDENT that is none, or returns
/// "".
std::string doubt_about(std::string_view rest);

/// The length of ${, a parameter, and the shell's operator of percent signs behind it: "${x%%" of
/// "${x%%.*}", also "${x/%" as bash has it. 0: `text` begins with none of these.
std::size_t percent_operator(std::string_view text);

}  // namespace rbit
