#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace rbit {

/// What the bits of wire::Left mean: {"left a thread", "changed its umask"}.
std::vector<std::string> words_of_leftovers(std::uint32_t left);

/// "left a thread, changed its umask and changed its limits", each word once.
std::string leftovers_text(const std::vector<std::string>& words);

}  // namespace rbit
