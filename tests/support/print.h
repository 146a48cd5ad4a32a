#pragma once

#include <ostream>

#include "rbit/base/result.h"

namespace rbit {

/// So that doctest can show a Result.
inline std::ostream& operator<<(std::ostream& out, const Error& error) {
  return out << error.text();
}

}  // namespace rbit
