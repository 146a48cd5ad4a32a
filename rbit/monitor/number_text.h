#pragma once

#include <string>

namespace rbit {

/// As Python's repr of a float writes it: the shortest text that reads back, always with a point or
/// an exponent ("1.0", "0.125", "1e-06", "+Inf" for infinity). Old selectors match it literally.
std::string number_text(double value);

}  // namespace rbit
