#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rbit {

/// The command that would have its own shell parse the word begun after `words`, such as "bash -c",
/// or none. `words` are those of one simple command without their quotes, `begun` the start of the
/// next one as far as it is read. Placeholders may not stand in such a word (INTEROP.md 2.2).
std::optional<std::string> second_shell(const std::vector<std::string>& words,
                                        std::string_view begun);

}  // namespace rbit
