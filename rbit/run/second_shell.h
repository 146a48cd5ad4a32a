#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rbit {

/// The command that would have its own shell parse the word begun after `words`, such as "bash -c",
/// or none. `words` are those of one simple command without their quotes, `begun` the start of the
/// next one as far as it is read. Placeholders may not stand in such a word.
std::optional<std::string> second_shell(const std::vector<std::string>& words,
                                        std::string_view begun);

/// What is wrong with the placeholder `shown` in an argument of such a command, and the cure.
/// `variable`: the one that has its text, or "".
std::string mistake_in_second_shell(const std::string& command, const std::string& shown,
                                    const std::string& variable);

/// The command, such as "[[ -eq", to which bash or another shell would give the word begun after
/// `words` as a number to calculate or as a name of a variable: an index in it is a line to run.
/// `after`: what follows the word in the line. Returns none if it is text to the command.
std::optional<std::string> calculating_command(const std::vector<std::string>& words,
                                               std::string_view begun, std::string_view after);

}  // namespace rbit
