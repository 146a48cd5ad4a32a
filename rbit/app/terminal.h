#pragma once

#include <cstddef>

namespace rbit {

/// How wide the terminal at that descriptor is, in letters; 80 if it does not say.
std::size_t terminal_width(int descriptor);
/// How many lines it has; 24 if it does not say.
std::size_t terminal_height(int descriptor);
/// Whether colours are welcome on standard output: it is a terminal that has some, and nobody has
/// set NO_COLOR.
bool wants_colours();

}  // namespace rbit
